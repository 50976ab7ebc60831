"""The command that starts another Python like this one: the same program, the same switches."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nonecorn

_SWITCHES = (
    ("debug", "-d"),
    ("dont_write_bytecode", "-B"),
    ("no_user_site", "-s"),
    ("no_site", "-S"),
    ("ignore_environment", "-E"),
    ("verbose", "-v"),
    ("bytes_warning", "-b"),
    ("quiet", "-q"),
    ("optimize", "-O"),
    ("isolated", "-I"),
)
"""Fields of `sys.flags`, and what sets them; a count is a switch repeated."""


def worker_command(*arguments: str) -> list[str]:
    """The command of a worker.

    The directory that it is started in is not searched for modules (`-P`) before it is told to:
    what lies there may have the name of a module that it needs. Where nonecorn itself was found
    there it has to be.
    """
    safe = [] if _found_here() else ["-P"]
    return [sys.executable, *_switches(), *safe, "-m", "nonecorn.supervisor.worker", *arguments]


def same_command() -> list[str]:
    """The command that started this program, for a new interpreter."""
    return [sys.executable, *sys.orig_argv[1:]]


def _switches() -> list[str]:
    found = []
    for name, switch in _SWITCHES:
        found += [switch] * int(getattr(sys.flags, name, 0))
    found += [f"-W{option}" for option in sys.warnoptions]
    for option, value in sys._xoptions.items():  # noqa: SLF001  # documented under this name
        found += ["-X", option if value is True else f"{option}={value}"]
    return found


def _found_here() -> bool:
    try:
        package = Path(nonecorn.__file__).parents[1]
        return package.samefile(Path.cwd())
    except OSError:
        return False


def logical_directory() -> str:
    """The working directory as its user named it.

    Where that leads through a symbolic link which a deployment points to the next release, what
    is started later starts there.
    """
    here = Path.cwd()
    named = Path(os.environ.get("PWD", ""))
    try:
        return str(named if named.is_absolute() and named.samefile(here) else here)
    except OSError:
        return str(here)
