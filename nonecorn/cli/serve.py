"""`nonecorn serve`."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nonecorn.cli.settings import SettingsCommand, plan_of

if TYPE_CHECKING:
    from nonecorn.plan import Plan


def _serve() -> None:
    ctx = click.get_current_context()
    plan = plan_of(ctx)
    need_app(plan, ctx)
    importable_from(plan.server.app_dir)
    from nonecorn.serving import serve_plan  # noqa: PLC0415  # help and usage errors need no server

    gc.enable()
    ctx.exit(serve_plan(plan, own_process=True))


def need_app(plan: Plan, ctx: click.Context) -> None:
    """See that there is an application.

    Raises:
        click.UsageError: None is configured.
    """
    if plan.server.app is None:
        message = "There is no application to serve: name one, as in 'nonecorn serve module:app'."
        raise click.UsageError(message, ctx)


def importable_from(directory: str) -> None:
    """Let applications be imported from that directory before any other."""
    path = str(Path(directory).absolute())
    if path not in sys.path:
        sys.path.insert(0, path)


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
