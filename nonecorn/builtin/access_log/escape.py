r"""Makes any value safe to stand in a line, between quotes: printable ASCII without quotes.

A client chooses its path and fields, so it could otherwise end the line, begin another, or send
control sequences to a terminal. What is not printable ASCII becomes `\xNN` per byte of UTF-8.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(rb"[^ !#-\[\]-~]")


def escape(value: str) -> str:
    r"""The value with `"`, `\`, control and non-ASCII characters replaced by escapes."""
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return value  # nearly always
    return _escaped(value.encode("utf-8", "surrogatepass"))


def escape_bytes(value: bytes) -> str:
    """The same for a field's value or a target, byte by byte."""
    text = value.decode("latin-1")
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _escaped(value)


def _escaped(value: bytes) -> str:
    return _UNSAFE.sub(_replacement, value).decode("ascii")


def _replacement(found: re.Match[bytes]) -> bytes:
    byte = found[0]
    return b"\\" + byte if byte in b'"\\' else b"\\x%02x" % byte[0]
