"""From the bytes of a head's fields to the field list.

A head is taken apart at its line ends, and each line is read on its own, which is sound since
folding is refused. Three kinds of lines are told apart. Lines that frame the message
(Content-Length, Transfer-Encoding) are read here, so that no parser merges or judges them
first. Lines of a few well-known names that were read before are remembered: clients say the
same Host, Accept and User-Agent with every request. All others go to the engine's parser.

Whole blocks that consist of such lines alone are remembered with what they mean (`recall`):
those who open a connection for each request, as health checks do, say nothing else.

What is remembered is bounded, depends on the bytes alone, and is never what may identify a user:
only the names listed below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from nonecorn.spi import Header, Headers, Limits, RemoteProtocolError
from nonecorn_http1._fields import Fields
from nonecorn_http1._rules import check_line

ParseFields: TypeAlias = Callable[[list[bytes]], Headers]
"""An engine's parser: field lines, checked by `check_line`, to names in lower case and values
stripped.

Raises RemoteProtocolError where it refuses one."""

SPECIAL = frozenset(
    (b"host", b"connection", b"content-length", b"transfer-encoding", b"expect", b"upgrade")
)
"""Names that concern the connection; see `_fields`."""

_FRAMING = (b"content-length", b"transfer-encoding")

_REMEMBERED = frozenset(
    (
        b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"cache-control",
        b"connection",
        b"content-type", b"dnt", b"host", b"origin", b"pragma", b"priority", b"sec-ch-ua",
        b"sec-ch-ua-mobile",
        b"sec-ch-ua-platform", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site",
        b"sec-fetch-user", b"sec-gpc",
        b"te", b"upgrade-insecure-requests", b"user-agent", b"via", b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto", b"x-requested-with",
    )
)  # fmt: skip
_UNREAD: Header = (b"", b"")
_MOST_REMEMBERED = 512
_REMEMBERED_SIZE = 512
_MOST_BLOCKS = 128
_BLOCK_SIZE = 2048


class FieldReader:
    """Reads the fields of heads; one per worker and listener.

    Args:
        parse: The engine's parser.
        limits: `[limits]`.
    """

    __slots__ = ("_blocks", "_known", "_limits", "_parse", "recall")

    def __init__(self, parse: ParseFields, limits: Limits) -> None:
        self._parse = parse
        self._limits = limits
        self._known: dict[bytes, tuple[Header, bool]] = {}
        self._blocks: dict[bytes, tuple[bytes, Fields]] = {}
        self.recall = self._blocks.get
        """A remembered block, as the object that all connections share, and its fields; or None."""

    def __repr__(self) -> str:
        return f"<FieldReader lines={len(self._known)} blocks={len(self._blocks)}>"

    def remember(self, block: bytes, fields: Fields) -> None:
        """Remember what a block of HTTP/1.1 means, if it is all of common fields."""
        if len(block) <= _BLOCK_SIZE and all(name in _REMEMBERED for name, _ in fields[0]):
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.clear()
            self._blocks[block] = (block, fields)

    def read(self, block: bytes) -> tuple[Headers, Headers]:
        """Read the fields of a head.

        Args:
            block: From the line end of the request line to the empty line, both included.

        Returns:
            All fields, and those of them that are `SPECIAL`; names in lower case, values stripped.

        Raises:
            RemoteProtocolError: 400 or 431.
        """
        lines = block.split(b"\r\n")
        if len(lines) - 3 > self._limits.head_fields:
            raise RemoteProtocolError(431, "too-many-fields")
        known = self._known
        headers: Headers = []
        special: Headers = []
        new: list[bytes] = []
        positions: list[int] = []
        for line in lines[1:-2]:
            entry = known.get(line)
            if entry is not None:
                header, is_special = entry
                headers.append(header)
                if is_special:
                    special.append(header)
                continue
            check_line(line)
            name, _, value = line.partition(b":")
            name = name.lower()
            if name in _FRAMING:
                header = (name, value.strip(b" \t"))
                special.append(header)
            else:
                header = _UNREAD
                positions.append(len(headers))
                new.append(line)
            headers.append(header)
        if new:
            parsed = self._parse(new)
            if len(parsed) != len(new):
                raise RemoteProtocolError(400, "field-line")
            for position, line, header in zip(positions, new, parsed, strict=True):
                headers[position] = header
                if header[0] in SPECIAL:
                    special.append(header)
                if header[0] in _REMEMBERED and len(line) <= _REMEMBERED_SIZE:
                    self._remember(line, header)
        return headers, special

    def _remember(self, line: bytes, header: Header) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[line] = (header, header[0] in SPECIAL)
