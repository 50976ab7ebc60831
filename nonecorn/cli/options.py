"""One setting as a click option.

Click splits the command line and prints help. It converts nothing and reads no environment: what
was given goes as text to the same decoder as every other source, so that a value means the same
wherever it stands.
"""

from __future__ import annotations

from typing import Any

import click

from nonecorn.config.option import Option

_METAVARS = {"boolean": "", "path": "PATH", "text": "TEXT", "duration": "DURATION", "size": "SIZE"}


class SettingOption(click.Option):
    """A click option made from a setting.

    Attributes:
        setting: What it was made from.
    """

    def __init__(self, setting: Option) -> None:
        self.setting = setting
        names = list(setting.flags)
        is_flag = bool(setting.negative)
        if is_flag:
            names[-1] = f"{names[-1]}/{setting.negative}"
        # A name that click cannot mistake for another option's: tables and fields are joined by a
        # dot in `key`.
        super().__init__(
            [setting.key.replace(".", "__"), *names],
            is_flag=is_flag,
            multiple=setting.many,
            type=click.BOOL if is_flag else _type(setting),
            metavar=None if is_flag else _metavar(setting),
            help=setting.info.help,
            envvar=setting.env,
            default=None,
        )

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Nothing: the environment is a source of its own. `envvar` is for help alone."""
        return None

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """The two columns of the option in help."""
        names = ", ".join(self.opts)
        if self.secondary_opts:
            names += " / " + ", ".join(self.secondary_opts)
        elif self.metavar:
            names += f" {self.metavar}"
        default = self.setting.show(self.setting.default)
        facts = [f"env: {self.setting.env}"]
        if self.multiple:
            facts.insert(0, "repeatable")
        if default:
            facts.append(f"default: {default}")
        return names, f"{self.setting.info.help}  [{'; '.join(facts)}]"


def given(ctx: click.Context, option: SettingOption) -> tuple[Any, str] | None:
    """What the command line says of an option, and by which flag; None if it says nothing."""
    name = option.name or ""
    source = ctx.get_parameter_source(name)
    if source is not click.core.ParameterSource.COMMANDLINE:
        return None
    value = ctx.params[name]
    flags = option.secondary_opts if value is False else option.opts
    return ("yes" if value is True else "no" if value is False else value), flags[-1]


def _type(setting: Option) -> Any:
    # Paths complete in the shell; nothing is checked here.
    return click.Path() if setting.info.is_path else click.STRING


def _metavar(setting: Option) -> str:
    if setting.choices:
        return f"[{'|'.join(setting.choices)}]"
    return _METAVARS.get(setting.kind_name, "NUMBER")
