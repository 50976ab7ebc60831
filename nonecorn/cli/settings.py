"""Commands whose options are the settings of the kernel and of every loaded plugin.

Options are made when the arguments are known: a first look at these says which plugins to load, the
plugins say which tables there are, and only then does click parse.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from nonecorn.cli.options import SettingOption, given
from nonecorn.config.argv import read_early
from nonecorn.config.early import Prescan, prescan
from nonecorn.config.schema import POSITIONAL
from nonecorn.config.tables import Tables
from nonecorn.spi.errors import NonecornError

if TYPE_CHECKING:
    from nonecorn.config import Config
    from nonecorn.plan import Plan
    from nonecorn.plugins import Plugins

_KEY = "nonecorn.cli.settings"


class Prepared:
    """What is known before the arguments are parsed.

    Args:
        tables: The tables that options are made from.
        only: Server settings that are options; None for all of every table.
        scan: What the first look found; None where it failed and help is shown all the same.
        plugins: The loaded plugins; None likewise.
        error: Why it failed.

    Attributes:
        options: Options by section, made once.
        arguments: The command line that was looked at.
    """

    __slots__ = ("arguments", "error", "options", "plugins", "scan", "tables")

    def __init__(
        self,
        tables: Tables,
        *,
        only: frozenset[str] | None = None,
        scan: Prescan | None = None,
        plugins: Plugins | None = None,
        error: NonecornError | None = None,
    ) -> None:
        self.tables = tables
        self.scan = scan
        self.plugins = plugins
        self.error = error
        self.arguments: tuple[str, ...] = ()
        self.options: dict[str, list[SettingOption]] = {}
        for heading, settings in tables.sections():
            found = [
                SettingOption(setting)
                for setting in settings
                if setting.flags and (only is None or setting.key in only)
            ]
            if found:
                self.options[heading] = found

    def __repr__(self) -> str:
        count = sum(map(len, self.options.values()))
        return f"<Prepared {count} options, {self.error or self.plugins}>"


class SettingsCommand(click.Command):
    """A command that takes every setting as an option.

    Args:
        name: Its name.
        callback: Called with what `params` of its own bring.
        params: Options besides the settings.
        takes_app: APP is its argument, and is part of the configuration.
        only: Server settings that are its options; None for every setting of every table.
        attributes: As for `click.Command`.
    """

    def __init__(
        self,
        name: str,
        callback: Callable[..., Any],
        *,
        params: list[click.Parameter] | None = None,
        takes_app: bool = True,
        only: frozenset[str] | None = None,
        **attributes: Any,
    ) -> None:
        own: list[click.Parameter] = list(params or ())
        if takes_app:
            own.insert(0, click.Argument([POSITIONAL], required=False, metavar="[APP]"))
        own.append(
            click.Option(
                ["-c", "--config"],
                metavar="FILE",
                expose_value=False,
                envvar="NONECORN_CONFIG",
                type=click.Path(),
                help="Configuration: a TOML or .py file, or python:module.object.  "
                "[env: NONECORN_CONFIG; default: nonecorn.toml, or pyproject.toml]",
            )
        )
        self._only = only
        super().__init__(name, callback=callback, params=own, **attributes)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Load the plugins that the arguments ask for, then parse."""
        found = _prepare(args, self._only, lenient=ctx.resilient_parsing)
        found.arguments = tuple(args)
        ctx.meta[_KEY] = found
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Our own parameters, the settings', and `--help`."""
        settings = [option for group in prepared(ctx).options.values() for option in group]
        own = super().get_params(ctx)
        return [*own[:-1], *settings, *own[-1:]]

    def invoke(self, ctx: click.Context) -> Any:
        """Call the callback with what our own parameters bring; settings are for `config_of`."""
        assert self.callback is not None
        own = [param.name for param in self.params if param.expose_value]
        return ctx.invoke(
            self.callback, **{name: ctx.params[name] for name in own if name and name != POSITIONAL}
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Options under the heading of their section."""
        own = [
            record
            for param in click.Command.get_params(self, ctx)
            if not isinstance(param, click.Argument) and (record := param.get_help_record(ctx))
        ]
        with formatter.section("Options"):
            formatter.write_dl(own)
        for heading, options in prepared(ctx).options.items():
            with formatter.section(heading):
                formatter.write_dl([option.get_help_record(ctx) for option in options])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The epilog, and why plugins' options are missing if they are."""
        super().format_epilog(ctx, formatter)
        error = prepared(ctx).error
        if error is not None:
            formatter.write_paragraph()
            formatter.write_text(f"Options of plugins are not shown: {error}")


def prepared(ctx: click.Context) -> Prepared:
    """What was found before the arguments of this command were parsed."""
    found = ctx.meta.get(_KEY)
    if not isinstance(found, Prepared):
        # Click asks for parameters outside of parsing too, to document a command.
        found = ctx.meta[_KEY] = Prepared(Tables())
    return found


def config_of(ctx: click.Context) -> tuple[Plugins, Config]:
    """The configuration that all sources and this command line make.

    Raises:
        ConfigError: It cannot be used. Names every problem that was found.
    """
    from nonecorn.config.build import build_config  # noqa: PLC0415  # help builds nothing
    from nonecorn.config.reader import Flag  # noqa: PLC0415

    found = prepared(ctx)
    assert found.plugins is not None
    assert found.scan is not None
    flags = [
        Flag(option=option.setting, value=result[0], flag=result[1])
        for group in found.options.values()
        for option in group
        if (result := given(ctx, option)) is not None
    ]
    app = ctx.params.get(POSITIONAL)
    setting = found.tables.option("", POSITIONAL)
    if app is not None and setting is not None:
        flags.append(Flag(option=setting, value=app, flag="APP"))
    config = build_config(
        found.plugins, found.scan, tables=found.tables, environ=os.environ, flags=flags
    )
    return found.plugins, config


def plan_of(ctx: click.Context) -> Plan:
    """The plan that this configuration and the loaded plugins make.

    Raises:
        ConfigError: The configuration cannot be used.
        PluginError: A plugin is missing or broken.
    """
    from nonecorn.plan import compile_plan  # noqa: PLC0415  # help and `config show` have no plan

    plugins, config = config_of(ctx)
    return compile_plan(config, plugins)


def _prepare(args: list[str], only: frozenset[str] | None, *, lenient: bool) -> Prepared:
    try:
        scan = prescan(args, dict(os.environ) if lenient else os.environ)
        if scan.error is not None:
            return Prepared(Tables(), only=only, error=scan.error)
        from nonecorn.plugins import load  # noqa: PLC0415

        plugins = load(scan.selection)
        tables = Tables(plugins.settings())
        return Prepared(tables, only=only, scan=scan, plugins=plugins)
    except NonecornError as error:
        # Help is most needed where something is wrong, and completion must never fail.
        if lenient or read_early(args).help:
            return Prepared(Tables(), only=only, error=error)
        raise
