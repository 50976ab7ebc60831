"""Compiles a format, once per worker, into a function from a record to a line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from nonecorn.builtin.access_log.atoms import ARGUMENT, Atom, atoms, field, method, target, user
from nonecorn.builtin.moments import Moments, iso_time
from nonecorn.spi import ConfigError, RequestRecord

Line: TypeAlias = Callable[[RequestRecord], str]

_COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s'
PRESETS = {
    "common": _COMMON,
    "combined": f'{_COMMON} "%(f)s" "%(a)s"',
}

_PIECE = re.compile(r"%\((?P<atom>[^()]*)\)s|(?P<percent>%%)|(?P<text>[^%]+)|(?P<stray>%)")
_ARGUMENT = re.compile(r"\{(?P<argument>[^{}]+)\}(?P<kind>[a-z])")


def compile_format(text: str) -> Line:
    """The function that writes a request's line.

    Args:
        text: `common`, `combined`, `json`, or text with atoms such as `%(h)s`.

    Raises:
        ConfigError: An atom is unknown, or a percent sign stands alone.
    """
    if text == "json":
        return _json_line()
    known = atoms()
    template: list[str] = []
    found: list[Atom] = []
    for piece in _PIECE.finditer(PRESETS.get(text, text)):
        if piece["atom"] is not None:
            found.append(_atom(piece["atom"], known))
            template.append("%s")
        elif piece["stray"]:
            message = f"access_log_format: write '%%' for a percent sign (at {piece.start()})"
            raise ConfigError(message)
        else:
            # A format may hold a line break by mistake; a record is one line.
            template.append(
                (piece["percent"] or piece["text"]).replace("\r", "").replace("\n", " ")
            )
    if not found:
        message = f"access_log_format {text!r} has no atom; common, combined and json are presets"
        raise ConfigError(message)
    return _template_line("".join(template), tuple(found))


def _atom(name: str, known: dict[str, Atom]) -> Atom:
    if name in known:
        return known[name]
    match = _ARGUMENT.fullmatch(name)
    if match is not None and match["kind"] in ARGUMENT and match["argument"].isascii():
        return ARGUMENT[match["kind"]](match["argument"])
    names = " ".join(known)
    message = (
        f"access_log_format: no atom %({name})s; there are {names} {{field}}i {{field}}o {{name}}e"
    )
    raise ConfigError(message)


def _template_line(template: str, found: tuple[Atom, ...]) -> Line:
    def line(record: RequestRecord) -> str:
        return template % tuple([atom(record) for atom in found])

    return line


def _json_line() -> Line:
    began = Moments(iso_time).began
    encode = json.JSONEncoder(separators=(",", ":")).encode  # escapes all but printable ASCII

    def line(record: RequestRecord) -> str:
        scope = record.scope
        client = scope.get("client")
        headers = scope.get("headers", ())
        entry: dict[str, Any] = {
            "time": began(record.duration),
            "client": client[0] if client else None,
            "user": user(scope),
            "method": method(scope),
            "target": target(scope).decode("latin-1"),
            "scheme": scope.get("scheme"),
            "version": scope.get("http_version"),
            "status": record.status,
            "sent": record.sent,
            "received": record.received,
            "duration": round(record.duration, 6),
            "referer": _text(field(headers, b"referer")),
            "user_agent": _text(field(headers, b"user-agent")),
            "reason": record.reason or None,
        }
        return encode(entry)

    return line


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
