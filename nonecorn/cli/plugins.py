"""`nonecorn plugins`: what is installed, one plugin in detail, and is a plugin well made.

It works with whatever is installed, broken plugins and a broken configuration included: it is what
people call to find out why something else does not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace

import click

from nonecorn.plugins import PluginInfo, Plugins, Selection, load
from nonecorn.plugins.describe import describe, origin
from nonecorn.plugins.info import canonical
from nonecorn.plugins.loader import not_found
from nonecorn.spi import PLUGIN_API, ConfigError, PluginError, PluginNotFoundError

HEADINGS = ("NAME", "STATE", "OFFERS", "DISTRIBUTION", "ORIGIN")


@click.group(invoke_without_command=True)
@click.option("-p", "--plugin", multiple=True, metavar="NAME", help="As in serve.")
@click.option("--no-plugin", multiple=True, metavar="NAME", help="As in serve.")
@click.option("--autoload/--no-autoload", default=None, help="As in serve.")
@click.option("-c", "--config", metavar="FILE", help="Configuration that names plugins.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def plugins(
    context: click.Context,
    plugin: tuple[str, ...],
    no_plugin: tuple[str, ...],
    autoload: bool | None,  # click's way
    config: str | None,
    as_json: bool,
) -> None:
    """List plugins: what serve would load with the same options here, and what not."""
    selection, problems = _selection(plugin, no_plugin, autoload, config)
    context.obj = found = load(selection, lenient=True)
    if context.invoked_subcommand is not None:
        return
    problems += _conflicts(found)
    if as_json:
        listed = [{**asdict(info), "origin": origin(info)} for info in found.infos]
        report = {"api": PLUGIN_API, "plugins": listed, "problems": problems}
        click.echo(json.dumps(report, indent=2))
        return
    for line in [*_table(found.infos), *_remarks(found.infos, problems)]:
        click.echo(line)


@plugins.command()
@click.argument("name")
@click.pass_obj
def show(found: Plugins, name: str) -> None:
    """Show a plugin's hooks, specs and settings."""
    for info in _named(found, name):
        for line in describe(info):
            click.echo(line)


@plugins.command()
@click.argument("name")
@click.pass_obj
@click.pass_context
def check(context: click.Context, found: Plugins, name: str) -> None:
    """Check how a plugin is made. Exits with 1 where something must be changed."""
    from nonecorn.plugins.audit import Level, audit  # noqa: PLC0415  # reads metadata, the dear way

    findings = [finding for info in _named(found, name) for finding in audit(info)]
    for level, topic, text in findings:
        click.echo(f"{level.value:6}  {topic:8}  {text}")
    if any(finding.level is Level.FAIL for finding in findings):
        context.exit(1)


def _selection(
    plugin: tuple[str, ...], no_plugin: tuple[str, ...], autoload: bool | None, config: str | None
) -> tuple[Selection, list[str]]:
    from nonecorn.config import prescan  # noqa: PLC0415  # not for --help

    argv = [part for name in plugin for part in ("--plugin", name)]
    argv += [part for name in no_plugin for part in ("--no-plugin", name)]
    if autoload is not None:
        argv.append("--autoload" if autoload else "--no-autoload")
    if config is not None:
        argv += ["--config", config]
    try:
        return prescan(argv, dict(os.environ)).selection, []
    except ConfigError as error:
        selection = Selection(required=plugin, blocked=no_plugin)
        return replace(selection, autoload=autoload is not False), list(error.problems)


def _conflicts(found: Plugins) -> list[str]:
    problems = []
    for ask in (found.registry, found.settings, found.commands):
        try:
            ask()
        except PluginError as error:
            problems.append(str(error))
    return problems


def _named(found: Plugins, name: str) -> list[PluginInfo]:
    """The plugins of that name; more than one where they are in conflict."""
    named = [info for info in found.infos if info.name in (name, canonical(name))]
    if not named:
        message = not_found(name, [info.name for info in found.infos])
        raise PluginNotFoundError(message, plugin=name)
    return named


def _table(infos: tuple[PluginInfo, ...]) -> Iterator[str]:
    rows = [HEADINGS]
    for info in infos:
        where = f"{origin(info)}, editable: {info.path}" if info.editable else origin(info)
        offers = ", ".join(info.kinds) or "-"
        rows.append((info.name, info.state, offers, info.label or "-", where))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _remarks(infos: tuple[PluginInfo, ...], problems: list[str]) -> Iterator[str]:
    remarks = list(problems)
    for info in infos:
        if info.state == "broken":
            remarks.append(f"{info.name} is broken: {info.error}")
        elif info.state == "blocked":
            remarks.append(f"{info.name} is blocked: --no-plugin {info.name}")
        elif info.state == "installed":
            remarks.append(f"{info.name} is not loaded: give --plugin {info.name}")
    if remarks:
        yield ""
        yield from dict.fromkeys(remarks)
