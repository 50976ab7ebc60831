"""Response heads of HTTP/2 and HTTP/3: from an application's header list to a block of encoded
fields, checked.

Applications answer with the same few heads again and again. Encoded without a dynamic table, a
block depends on its fields alone, so finished ones are remembered for every connection of a
listener, by status and header list; what depends on the time is added after.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from nonecorn.spi.application import Header
from nonecorn.spi.errors import LocalProtocolError
from nonecorn.spi.messages.request import NAME_BYTES, VALUE_BYTES

if typing.TYPE_CHECKING:
    from nonecorn.spi.context import Context

Block: TypeAlias = Any
"""Encoded fields, as who encodes keeps them; two are joined by `+`."""

# RFC 9113 section 8.2.2: a message does not describe its connection. ASGI says of
# Transfer-Encoding that the server ignores an application's.
DROPPED = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)

WITHOUT_BODY = frozenset((204, 304))
"""Final status codes whose responses have no content (RFC 9110 section 6.4.1)."""

_MOST_REMEMBERED = 512
_REMEMBERED_SIZE = 1024

_names: dict[bytes, bytes] = {}
_MOST_NAMES = 1024
_NAME_SIZE = 128


class Encoder(typing.Protocol):
    """Compresses fields, without a dynamic table."""

    def encode(self, fields: list[Header], /) -> Block:
        """Fields, with names in lower case, as a block for any connection."""
        ...

    def encode_head(self, status: int, fields: list[Header], /) -> Block:
        """The same with `:status` before them: a block that others can be joined to."""
        ...


class ResponseHead(NamedTuple):
    """One that is ready to be sent.

    Attributes:
        block: Encoded.
        length: What a Content-Length said, or -1.
        priority: Value of the application's `priority` field (RFC 9218 section 8), or None.
        plain: It has none of the common fields.
    """

    block: Block
    length: int
    priority: bytes | None
    plain: bool


class ResponseWriter:
    """What the responses of one listener have in common; made once per worker and listener."""

    __slots__ = (
        "_clock", "_common", "_common_names", "_date", "_date_wanted", "_encoder", "_remembered",
        "_tail",
    )  # fmt: skip

    def __init__(self, context: Context, encoder: Encoder) -> None:
        self._clock = context.runtime.clock
        self._encoder = encoder
        self._common = list(context.headers)
        self._common_names = frozenset(name for name, _ in context.headers) | {b"date"}
        self._date_wanted = context.date_header
        self._date = b""
        self._tail: Block = encoder.encode(self._common)
        self._remembered: dict[tuple[int, tuple[Header, ...]], ResponseHead] = {}

    @classmethod
    def of(cls, context: Context, encoder: Encoder) -> ResponseWriter:
        """The one of a listener and an encoder, which lives as long as the program."""
        key = (cls, encoder)
        found = context.cache.get(key)
        if found is None:
            found = context.cache[key] = cls(context, encoder)
        return typing.cast("ResponseWriter", found)

    def __repr__(self) -> str:
        return f"<ResponseWriter common={self._common!r} date={self._date_wanted}>"

    def head(self, status: int, headers: Iterable[Header]) -> tuple[Block, int, bytes | None]:
        """A final response's head: block, Content-Length or -1, `priority` or None.

        Raises:
            LocalProtocolError: Something may not stand in a head.
        """
        key = (status, tuple(headers))
        try:
            found = self._remembered.get(key)
        except TypeError:
            # ASGI asks for pairs of any kind: lists, which cannot be looked up, are as good.
            key = (status, tuple(checked_fields(key[1])))
            found = self._remembered.get(key)
        if found is None:
            found = self._build(status, key[1])
            if len(found.block) <= _REMEMBERED_SIZE:
                if len(self._remembered) >= _MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[key] = found
        block, length, priority, plain = found
        if not plain:
            return block + self._rest(key[1]), length, priority
        if self._date_wanted and self._clock.date is not self._date:
            self._date = self._clock.date
            self._tail = self._encoder.encode([*self._common, (b"date", self._date)])
        return block + self._tail, length, priority

    def interim(self, status: int, headers: Iterable[Header]) -> Block:
        """An interim response's head (RFC 9110 section 15.2).

        Raises:
            LocalProtocolError: As `head`.
        """
        if type(status) is not int or not 100 <= status <= 199 or status == 101:
            message = f"{status!r} cannot be the status of an interim response"
            raise LocalProtocolError(message)
        fields = [field for field in checked_fields(headers) if field[0] not in DROPPED]
        return self._encoder.encode_head(status, fields)

    def trailers(self, headers: Iterable[Header]) -> Block:
        """A trailer section.

        Raises:
            LocalProtocolError: As `head`; framing fields may not stand there either.
        """
        fields = checked_fields(headers)
        for name, _ in fields:
            if name in DROPPED or name == b"content-length":
                message = f"{name!r} may not stand in a trailer section"
                raise LocalProtocolError(message)
        return self._encoder.encode(fields)

    def _build(self, status: int, headers: tuple[Any, ...]) -> ResponseHead:
        if type(status) is not int or not 200 <= status <= 999:
            message = f"{status!r} is no status code of a response: an integer from 200 to 999 is"
            raise LocalProtocolError(message)
        length = -1
        priority: bytes | None = None
        plain = True
        fields: list[Header] = []
        for name, value in checked_fields(headers):
            if name in DROPPED:
                continue
            if name == b"content-length":
                before, length = length, _content_length(value, length)
                # RFC 9110 section 8.6: none in a 204; a 304 may tell the length of the 200.
                if before >= 0 or status == 204:
                    continue
            elif name == b"priority":
                priority = value if priority is None else priority + b", " + value
            elif name in self._common_names:
                plain = False
            fields.append((name, value))
        return ResponseHead(self._encoder.encode_head(status, fields), length, priority, plain)

    def _rest(self, headers: Iterable[Any]) -> Block:
        """The common fields and the date, less those that the application set itself."""
        own = {name.lower() for name, _ in headers}
        rest = [field for field in self._common if field[0] not in own]
        if self._date_wanted and b"date" not in own:
            rest.append((b"date", self._clock.date))
        return self._encoder.encode(rest)


def checked_fields(headers: Iterable[Any]) -> list[Header]:
    """Fields as they may be sent: names in lower case, nothing in them that ends or splits a field
    for the next who reads them.

    Raises:
        LocalProtocolError: Something may not stand there, or is no pair of bytes.
    """
    fields: list[Header] = []
    for header in headers:
        try:
            name, value = header
            lower = _names.get(name)
        except (TypeError, ValueError):
            message = f"{header!r} is no header: a pair of bytes is"
            raise LocalProtocolError(message) from None
        if lower is None:
            lower = _learn(name)
        if not isinstance(value, bytes):
            message = f"the value of header {name!r} is not bytes: {value!r}"
            raise LocalProtocolError(message)
        if value.translate(None, VALUE_BYTES):
            message = f"the value of header {name!r} has a control character in it: {value!r}"
            raise LocalProtocolError(message)
        # RFC 9113 section 8.2.1: HTTP/1.1 drops white space around a value; here it is malformed.
        fields.append((lower, value.strip(b" \t")))
    return fields


def _learn(name: Any) -> bytes:
    if not isinstance(name, bytes):
        message = f"header name {name!r} is not bytes"
        raise LocalProtocolError(message)
    lower = name.lower()
    if not lower or lower.translate(None, NAME_BYTES):
        message = f"{name!r} is no header name (RFC 9110 section 5.1)"
        raise LocalProtocolError(message)
    if len(_names) < _MOST_NAMES and len(name) <= _NAME_SIZE:
        _names[name] = lower
    return lower


def _content_length(value: bytes, before: int) -> int:
    if not value.isdigit():
        message = f"content-length {value!r} is not a number of bytes"
        raise LocalProtocolError(message)
    length = int(value)
    if before not in (-1, length):
        message = f"two content-lengths: {before} and {length}"
        raise LocalProtocolError(message)
    return length
