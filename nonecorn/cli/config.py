"""`nonecorn config show | check | schema`: they take the options of `serve`, and serve nothing."""

from __future__ import annotations

import json

import click

from nonecorn.cli.serve import need_app
from nonecorn.cli.settings import SettingsCommand, config_of, plan_of, prepared


def _show(*, origin: bool, as_json: bool) -> None:
    from nonecorn.config.show import show_json, show_toml  # noqa: PLC0415

    ctx = click.get_current_context()
    _, found = config_of(ctx)
    tables = prepared(ctx).tables
    if as_json:
        click.echo(show_json(found, tables, origin=origin))
    else:
        click.echo("\n".join(show_toml(found, tables, origin=origin)))


def _check(*, import_app: bool) -> None:
    ctx = click.get_current_context()
    plan = plan_of(ctx)
    from nonecorn.builtin.logs import setup_logging  # noqa: PLC0415
    from nonecorn.serving.contexts import app_context, load_tls  # noqa: PLC0415

    setup_logging(plan.server)
    load_tls(plan)  # what serves, but is probably not meant so, goes to the log, as it would there
    if import_app:
        from nonecorn.serving.application import (  # noqa: PLC0415
            load_application,
            wrap_application,
        )
        from nonecorn.serving.imports import importable_from  # noqa: PLC0415

        need_app(plan, ctx)
        importable_from(plan.server.app_dir)
        context = app_context(plan)
        wrap_application(plan, context, load_application(plan, context))
    addresses = ", ".join(listener.address for listener in plan.listeners)
    click.echo(f"The configuration is good: {addresses} on {plan.worker.name}.")


def _schema() -> None:
    from nonecorn.config.json_schema import json_schema  # noqa: PLC0415

    tables = prepared(click.get_current_context()).tables
    click.echo(json.dumps(json_schema(tables), indent=2))


config = click.Group(
    "config",
    help="Show and check the configuration.",
    commands=[
        SettingsCommand(
            "show",
            _show,
            params=[
                click.Option(["--origin"], is_flag=True, help="Show where each value comes from."),
                click.Option(["as_json", "--json"], is_flag=True, help="Print JSON, not TOML."),
            ],
            short_help="Print every setting.",
            help="Print every setting, as 'nonecorn serve' with these options would have it.",
        ),
        SettingsCommand(
            "check",
            _check,
            params=[
                click.Option(
                    ["--import-app"], is_flag=True, help="Import the application as well."
                ),
            ],
            short_help="Say whether a server could start.",
            help="Do all that 'nonecorn serve' with these options would do before it binds.",
        ),
        SettingsCommand(
            "schema",
            _schema,
            takes_app=False,
            only=frozenset({"plugin", "no_plugin", "autoload", "env_file"}),
            short_help="Print a JSON Schema.",
            help="Print the JSON Schema of nonecorn.toml, with the tables of the loaded plugins.",
        ),
    ],
)
