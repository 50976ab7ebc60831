"""`nonecorn serve`."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nonecorn.cli.settings import SettingsCommand, plan_of, prepared

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.supervisor.replan import Replan


def _serve() -> None:
    ctx = click.get_current_context()
    plan = plan_of(ctx)
    need_app(plan, ctx)
    gc.enable()
    if plan.server.reload:
        ctx.exit(_serve_with_reload(plan, ctx))
    if plan.server.workers:
        ctx.exit(_serve_with_workers(plan, ctx))
    from nonecorn.serving import serve_plan  # noqa: PLC0415  # help and usage errors need no server
    from nonecorn.serving.imports import importable_from  # noqa: PLC0415

    importable_from(plan.server.app_dir)
    ctx.exit(serve_plan(plan, own_process=True))


def _serve_with_reload(plan: Plan, ctx: click.Context) -> int:
    from nonecorn.config.argv import read_early  # noqa: PLC0415
    from nonecorn.reload import develop  # noqa: PLC0415  # only with --reload

    early = read_early(prepared(ctx).arguments)
    named = early.config or os.environ.get("NONECORN_CONFIG")
    return develop(plan, replan=_replan(ctx), config=named, discover=True)


def _serve_with_workers(plan: Plan, ctx: click.Context) -> int:
    from nonecorn.supervisor import supervise  # noqa: PLC0415  # only with workers

    return supervise(plan, replan=_replan(ctx))


def _replan(ctx: click.Context) -> Replan:
    from nonecorn.supervisor.replan import Replan  # noqa: PLC0415

    arguments = prepared(ctx).arguments
    scan = prepared(ctx).scan
    assert scan is not None  # there is a plan
    return Replan(lambda: _read_again(arguments), scan.stands)


def _read_again(arguments: Sequence[str]) -> Plan:
    """The plan that the same arguments make now.

    Raises:
        NonecornError: None; it says why.
    """
    from nonecorn.spi import ConfigError  # noqa: PLC0415  # help imports no more than it must

    try:
        ctx = serve.make_context("serve", list(arguments))
        plan = plan_of(ctx)
        need_app(plan, ctx)
    except click.ClickException as error:
        raise ConfigError(error.format_message()) from error
    return plan


def need_app(plan: Plan, ctx: click.Context) -> None:
    """See that there is an application.

    Raises:
        click.UsageError: None is configured.
    """
    if plan.server.app is None and not plan.standalone:
        message = "There is no application to serve: name one, as in 'nonecorn serve module:app'."
        raise click.UsageError(message, ctx)


serve = SettingsCommand(
    "serve",
    _serve,
    help="""Serve the application APP.

    APP is module:attribute or path/to/file.py:attribute. Where no attribute is named it is 'app',
    or else 'application'; with --factory it is 'create_app'.

    Every option is also a key of nonecorn.toml and an environment variable. Options win over the
    environment, the environment over the file. 'nonecorn config show --origin' tells what came
    from where.
    """,
)
