"""The group `nonecorn`: commands by name, each imported when it is called.

Commands that plugins bring are not in `--help`, since that would load every plugin to print a page:
they are looked for when a name is not one of ours, and `nonecorn plugins` lists them.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from nonecorn._version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "serve": ("nonecorn.cli.serve:serve", "Serve an application."),
    "plugins": ("nonecorn.cli.plugins:plugins", "List plugins, show and check one."),
    "config": ("nonecorn.cli.config:config", "Show and check the configuration."),
    "completion": ("nonecorn.cli.completion:completion", "Print a shell's completion script."),
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of our own commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one of our commands, or one that a plugin brings."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command = getattr(importlib.import_module(module), attribute)
            assert isinstance(command, click.Command)
            return command
        return None if ctx.resilient_parsing or cmd_name.startswith("-") else _contributed(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say what was probably meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            if ":" in name or name.endswith(".py"):
                ctx.fail(f"No such command {name!r}. Did you mean 'nonecorn serve {name}'?")
            command = self.get_command(ctx, name)
            if command is None:
                ctx.fail(f"No such command {name!r}.{_near(name)}")
            return name, command, args[1:]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List our commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415

        found = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found or click.Command.shell_complete(self, ctx, incomplete)


def _near(name: str) -> str:
    import difflib  # noqa: PLC0415

    found = difflib.get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


def _contributed(name: str) -> click.Command | None:
    from nonecorn.cli.contributed import find  # noqa: PLC0415

    return find(name)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    python = ".".join(map(str, sys.version_info[:3]))
    system = os.uname() if hasattr(os, "uname") else None
    where = f"{system.sysname} {system.machine}" if system else sys.platform
    click.echo(f"nonecorn {__version__} ({sys.implementation.name} {python}, {where})")
    ctx.exit()


def _make() -> LazyGroup:
    version: Any = click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="Show the version of nonecorn, of Python and of the system, and exit.",
    )
    return LazyGroup(
        name="nonecorn",
        params=[version],
        help="A plugin-based server for ASGI and WSGI applications.",
        epilog="Plugins may bring commands of their own: 'nonecorn plugins' lists them.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


nonecorn = _make()
