"""Response heads: from an application's header list to bytes, checked.

One pass over the headers writes each line and takes out what concerns framing. Field names are
learned: a table maps each name that an application has used to its checked, lower-case `name: `
prefix, so that a name is examined once in a worker's life. A value is examined when its head is
built; finished heads are remembered, see `ResponseWriter`.
"""

from __future__ import annotations

import http
from collections.abc import Iterable
from typing import Any

from nonecorn.spi import Context, Header, LocalProtocolError
from nonecorn_http1._rules import LINE_BYTES, TOKEN_BYTES

# Codes for names that are not simply written.
_LENGTH, _DATE, _CONNECTION, _DROP, _UPGRADE = 1, 2, 3, 4, 5

# Fields by which a message describes its own connection and framing (RFC 9110 section 7.6.1):
# ours to send. ASGI says of Transfer-Encoding that the server ignores an application's.
_LEARNED: dict[bytes, bytes | int] = {
    b"content-length": _LENGTH,
    b"date": _DATE,
    b"connection": _CONNECTION,
    b"transfer-encoding": _DROP,
    b"keep-alive": _DROP,
    b"proxy-connection": _DROP,
    b"upgrade": _UPGRADE,
}
_MOST_LEARNED = 1024
_LEARNED_SIZE = 128
_MOST_REMEMBERED = 512
_REMEMBERED_SIZE = 1024

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}

WITHOUT_BODY = frozenset((204, 304))
"""Final status codes whose responses end with the head (RFC 9112 section 6.3)."""


def status_line(status: int) -> bytes:
    """The first line of a response. A code that has no registered phrase gets an empty one.

    Raises:
        LocalProtocolError: Not a status code of three digits.
    """
    line = _STATUS_LINES.get(status)
    if line is None:
        if type(status) is not int or not 100 <= status <= 999:
            message = f"{status!r} is no status code: an integer from 100 to 999 is"
            raise LocalProtocolError(message)
        line = _STATUS_LINES[status] = b"HTTP/1.1 %d \r\n" % status
    return line


def _learn(name: Any) -> bytes | int:
    if not isinstance(name, bytes):
        message = f"header name {name!r} is not bytes"
        raise LocalProtocolError(message)
    if not name or name.translate(None, TOKEN_BYTES):
        message = f"{name!r} is no header name (RFC 9110 section 5.1)"
        raise LocalProtocolError(message)
    lower = name.lower()
    known = _LEARNED.get(lower)
    prefix = known if known is not None else lower + b": "
    if len(_LEARNED) < _MOST_LEARNED and len(name) <= _LEARNED_SIZE:
        _LEARNED[name] = prefix
    return prefix


class ResponseWriter:
    """What the responses of one listener have in common; made once per worker and listener.

    Applications answer with the same few heads again and again, so finished ones are remembered
    by status and header list; what depends on the time is added after. A remembered head is the
    pure result of what it is remembered by.
    """

    __slots__ = (
        "_clock",
        "_common",
        "_common_names",
        "_date",
        "_date_wanted",
        "_remembered",
        "_tail",
    )

    def __init__(self, context: Context) -> None:
        self._clock = context.runtime.clock
        self._common = b"".join(b"%b: %b\r\n" % header for header in context.headers)
        self._common_names = tuple(name for name, _ in context.headers)
        self._date_wanted = context.date_header
        self._date = b""
        self._tail = self._common
        self._remembered: dict[tuple[int, tuple[Header, ...]], tuple[bytes, int, bool, bool]] = {}

    def __repr__(self) -> str:
        return f"<ResponseWriter common={self._common!r} date={self._date_wanted}>"

    def head(self, status: int, headers: Iterable[Header]) -> tuple[bytes, int, bool]:
        """Status line and fields, without what framing adds and without the empty line.

        Args:
            status: Final status code.
            headers: The application's.

        Returns:
            The bytes, the length that a Content-Length gave or -1, and whether the application
            asked to close.

        Raises:
            LocalProtocolError: Something may not stand in a head.
        """
        key = (status, tuple(headers))
        try:
            found = self._remembered.get(key)
        except TypeError:
            # ASGI asks for pairs of any kind: lists, which cannot be looked up, are as good.
            key = (status, _pairs(key[1]))
            found = self._remembered.get(key)
        if found is None:
            found = self._build(status, key[1])
            if found[0].startswith(b"HTTP/1.1 1"):
                # RFC 9110 section 15.2: after it the client would wait for the final one.
                message = f"{status} cannot be the status of a response: 200 and above can"
                raise LocalProtocolError(message)
            if len(found[0]) <= _REMEMBERED_SIZE:
                if len(self._remembered) >= _MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[key] = found
        block, length, close, plain = found
        if not plain:
            return block + self._rest(block), length, close
        if self._date_wanted and self._clock.date is not self._date:
            self._date = self._clock.date
            self._tail = b"%bdate: %b\r\n" % (self._common, self._date)
        return block + self._tail, length, close

    def switching(self, headers: Iterable[Header]) -> bytes:
        """The head of a 101 without what switches and without the empty line; see `head`."""
        block, _, _, _ = self._build(101, tuple(headers))
        return block + self._rest(block)

    def _build(self, status: int, headers: tuple[Any, ...]) -> tuple[bytes, int, bool, bool]:
        """The head's own bytes, its length, whether to close, and whether it has none of the
        common fields.
        """
        parts = [status_line(status)]
        length = -1
        close = False
        plain = True
        has_body = status not in WITHOUT_BODY and status >= 200
        for header in headers:
            try:
                name, value = header
            except (TypeError, ValueError):
                message = f"{header!r} is no header: a pair of bytes is"
                raise LocalProtocolError(message) from None
            prefix = _LEARNED.get(name)
            if prefix is None:
                prefix = _learn(name)
            _check_value(name, value)
            if isinstance(prefix, int):
                if prefix == _LENGTH:
                    before, length = length, _content_length(value, length)
                    # RFC 9110 section 8.6: none in a 204 or 1xx; a 304 may tell the length of
                    # the 200.
                    if before >= 0 or not (has_body or status == 304):
                        continue
                    prefix = b"content-length: "
                elif prefix == _DATE:
                    plain = False
                    prefix = b"date: "
                elif prefix == _UPGRADE and status == 426:
                    # RFC 9110 section 15.5.22: it names what the client must upgrade to.
                    prefix = b"connection: upgrade\r\nupgrade: "
                else:
                    close = close or (prefix == _CONNECTION and b"close" in value.lower())
                    continue
            elif name.lower() in self._common_names:
                plain = False
            parts += (prefix, value, b"\r\n")
        return b"".join(parts), length, close, plain

    def _rest(self, block: bytes) -> bytes:
        """The common fields and the date, less those that the application set itself."""
        lines = [line for line in self._common.split(b"\r\n") if line]
        if self._date_wanted:
            lines.append(b"date: " + self._clock.date)
        return b"".join(
            line + b"\r\n" for line in lines if b"\n%b:" % line.partition(b":")[0] not in block
        )


def _pairs(headers: tuple[Any, ...]) -> tuple[Header, ...]:
    """The same with each pair as a tuple of bytes.

    Raises:
        LocalProtocolError: Something is neither.
    """
    pairs: list[Header] = []
    for header in headers:
        try:
            name, value = header
            hash((name, value))
        except (TypeError, ValueError):
            message = f"{header!r} is no header: a pair of bytes is"
            raise LocalProtocolError(message) from None
        pairs.append((name, value))
    return tuple(pairs)


def _content_length(value: bytes, before: int) -> int:
    stripped = value.strip()
    if not stripped.isdigit():
        message = f"content-length {value!r} is not a number of bytes"
        raise LocalProtocolError(message)
    length = int(stripped)
    if before not in (-1, length):
        message = f"two content-lengths: {before} and {length}"
        raise LocalProtocolError(message)
    return length


def _check_value(name: bytes, value: Any) -> None:
    """No line end, and no other control character, is smuggled in (RFC 9110 section 5.5)."""
    if not isinstance(value, bytes):
        message = f"the value of header {name!r} is not bytes: {value!r}"
        raise LocalProtocolError(message)
    if value.translate(None, LINE_BYTES):
        message = f"the value of header {name!r} has a control character in it: {value!r}"
        raise LocalProtocolError(message)


def field_lines(headers: Iterable[Any]) -> bytes:
    """Plain field lines, for interim responses and trailer sections; fields that frame a
    message are refused.

    Raises:
        LocalProtocolError: Something may not stand there.
    """
    parts: list[bytes] = []
    for name, value in headers:
        prefix = _LEARNED.get(name)
        if prefix is None:
            prefix = _learn(name)
        if isinstance(prefix, int):
            message = f"{name!r} may not stand in a trailer section or an interim response"
            raise LocalProtocolError(message)
        _check_value(name, value)
        parts += (prefix, value, b"\r\n")
    return b"".join(parts)
