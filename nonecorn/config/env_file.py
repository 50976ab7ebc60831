r"""Env files: `NAME=value` lines that join the environment before the rest of it is read.

A name that is set already keeps its value. Values are taken as they stand, or quoted: '…'
literally, "…" with the escapes \n, \r, \t, \" and \\. `export` may come first, # begins a comment.
Nothing is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from nonecorn.config.toml import shown
from nonecorn.spi.errors import ConfigError

_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*
        (?: "(?P<double>(?:[^"\\]|\\.)*)"\s*(?:\#.*)?
          | '(?P<single>[^']*)'\s*(?:\#.*)?
          | (?P<plain>(?![\"']).*?)(?:\s+\#.*|\s*)
        )""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def load_env_file(path: Path, environ: MutableMapping[str, str]) -> dict[str, str]:
    """Put the file's values into `environ`, where they are not set already.

    Returns:
        Where each name that was added stands: `.env:3`.

    Raises:
        ConfigError: The file cannot be read, or has a line that is no `NAME=value`.
    """
    name = shown(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"{name}: the env file cannot be read: {reason}"
        raise ConfigError(message) from error
    added: dict[str, str] = {}
    for number, variable, value in parse_env(text, name):
        if variable not in environ or variable in added:
            environ[variable] = value
            added[variable] = f"{name}:{number}"
    return added


def parse_env(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """Line number, name and value of each assignment.

    Raises:
        ConfigError: A line is no assignment; all such lines are named. Never quotes a value: it may
            be a secret.
    """
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None or "\0" in line:
            problems.append(f"{name}:{number}: write NAME=value, and close every quote")
        elif (double := found["double"]) is not None:
            value = _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), double)
            yield number, found["name"], value
        else:
            yield number, found["name"], found["single"] or found["plain"] or ""
    if problems:
        raise ConfigError(problems)
