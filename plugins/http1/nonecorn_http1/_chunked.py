"""The chunked transfer coding, read strictly (RFC 9112 section 7.1).

Chunk framing decides where the next request begins, so it is read here, for every engine, and
nothing is guessed: sizes are hexadecimal digits only, lines end in CR LF only, data is followed
by CR LF and nothing else. Extensions are allowed and ignored (section 7.1.1). Lines are
bounded; so is what extensions may cost in all.
"""

from __future__ import annotations

import re

from nonecorn.spi import Headers, Limits, RemoteProtocolError
from nonecorn_http1._rules import trailer_fields

# chunk-size [ chunk-ext ]; 15 digits hold any body, 16 could overflow others' 64-bit integers.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_LINE_SIZE = 1024
_EXTENSIONS_SIZE = 16384

_SIZE, _DATA, _DATA_END, _TRAILERS = range(4)


class ChunkedReader:
    """Splits what follows a chunked head into body, trailers, and the rest.

    Attributes:
        trailers: The trailer section's fields, once `done`.
        done: The last line was read.
    """

    __slots__ = ("_buffer", "_extensions", "_left", "_limits", "_state", "done", "trailers")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = b""
        self._state = _SIZE
        self._left = 0
        self._extensions = 0
        self.trailers: Headers = []
        self.done = False

    def __repr__(self) -> str:
        state = ("size", "data", "data-end", "trailers")[self._state]
        return f"<ChunkedReader {'done' if self.done else state} left={self._left}>"

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Read on.

        Returns:
            Body bytes found, and what follows the message once it is `done`.

        Raises:
            RemoteProtocolError: 400 or 431; nothing more can be read.
        """
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        body: list[bytes] = []
        position = 0
        size = len(data)
        while position < size:
            if self._state == _DATA:
                end = min(position + self._left, size)
                body.append(data[position:end] if position or end < size else data)
                self._left -= end - position
                position = end
                if not self._left:
                    self._state = _DATA_END
            elif self._state == _DATA_END:
                # CVE-2025-43859: what follows the data is CR LF, not any two bytes.
                if not b"\r\n".startswith(data[position : position + 2]):
                    raise RemoteProtocolError(400, "chunk-terminator")
                if size - position < 2:
                    break
                position += 2
                self._state = _SIZE
            elif self._state == _SIZE:
                line_end = self._line_end(data, position, _LINE_SIZE)
                if line_end < 0:
                    break
                self._size_line(data[position:line_end])
                position = line_end + 2
            else:
                after = self._trailer_section(data, position)
                if after < 0:
                    break
                return b"".join(body) if len(body) != 1 else body[0], data[after:]
        self._buffer = data[position:]
        return b"".join(body) if len(body) != 1 else body[0], b""

    def _line_end(self, data: bytes, start: int, limit: int) -> int:
        end = data.find(b"\n", start, start + limit)
        if end < 0:
            if len(data) - start >= limit:
                raise RemoteProtocolError(400, "chunk-line-too-long")
            cr = data.find(b"\r", start)
            if cr >= 0 and cr != len(data) - 1:
                raise RemoteProtocolError(400, "bare-cr-or-lf")
            return -1
        if end == start or data[end - 1] != 13 or data.find(b"\r", start, end - 1) >= 0:
            raise RemoteProtocolError(400, "bare-cr-or-lf")
        return end - 1

    def _size_line(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise RemoteProtocolError(400, "chunk-size")
        self._extensions += len(line) - match.end(1)
        if self._extensions > _EXTENSIONS_SIZE:
            raise RemoteProtocolError(400, "chunk-extensions")
        self._left = int(match[1], 16)
        self._state = _DATA if self._left else _TRAILERS

    def _trailer_section(self, data: bytes, start: int) -> int:
        """Position after the message, or -1 while its end is not there."""
        if data.startswith(b"\r\n", start):
            self.done = True
            return start + 2
        end = data.find(b"\r\n\r\n", start)
        if (end if end >= 0 else len(data)) - start > self._limits.head_size:
            raise RemoteProtocolError(431, "trailers-too-large")
        if end < 0:
            if data.count(b"\n", start) != data.count(b"\r\n", start):
                raise RemoteProtocolError(400, "bare-cr-or-lf")
            return -1
        self.trailers = trailer_fields(data[start : end + 2], self._limits)
        self.done = True
        return end + 4
