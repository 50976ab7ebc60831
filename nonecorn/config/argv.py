"""A first look at the command line: the few options that decide which options there are.

Plugins bring options, so plugins are loaded before the command line can be parsed; which plugins,
and which configuration file, the command line says. This reads these few by the rules of click's
parser: `--plugin x`, `--plugin=x`, `-p x`, `-px`; an option's value is never an option; nothing
after `--` is one. It never fails: what is wrong here, click will say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nonecorn.config.tables import Tables

CONFIG_FLAGS = ("-c", "--config")


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyOptions:
    """What one source says of plugins and files; the command line, first of all.

    Attributes:
        plugin: `--plugin`, in order.
        no_plugin: `--no-plugin`, in order.
        autoload: `--autoload` or `--no-autoload`; None for neither.
        config: `--config`, the last one.
        env_file: `--env-file`, the last one.
        help: `--help` is there: show it whatever else is wrong.
    """

    plugin: tuple[str, ...] = ()
    no_plugin: tuple[str, ...] = ()
    autoload: bool | None = None
    config: str | None = None
    env_file: str | None = None
    help: bool = False


def read_early(argv: Iterable[str]) -> EarlyOptions:
    """Read the arguments of a command, without its name."""
    takes_value = _value_flags()
    found: dict[str, list[str]] = {}
    autoload: bool | None = None
    show_help = False
    words = iter(argv)
    for word in words:
        if word == "--":
            break
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            if flag in {"--autoload", "--no-autoload"}:
                autoload = flag == "--autoload"
            show_help = show_help or flag == "--help"
        else:
            flag, value = word[:2], word[2:]
            equals = value
            show_help = show_help or word == "-h"
        key = takes_value.get(flag)
        if key is not None:
            found.setdefault(key, []).append(value if equals else next(words, ""))
    last = {key: values[-1] or None for key, values in found.items()}
    return EarlyOptions(
        plugin=tuple(filter(None, found.get("plugin", ()))),
        no_plugin=tuple(filter(None, found.get("no_plugin", ()))),
        autoload=autoload,
        config=last.get("config"),
        env_file=last.get("env_file"),
        help=show_help,
    )


def _value_flags() -> dict[str, str]:
    # Every kernel option with a value, so that the value of one is not mistaken for another:
    # `--root-path -p`.
    flags = {
        flag: option.key
        for option in Tables().options()
        if option.kind is not bool
        for flag in option.flags
    }
    return flags | dict.fromkeys(CONFIG_FLAGS, "config")
