"""Field compression (RFC 7541), in two halves that share nothing.

Towards the client nothing is ever put into the dynamic table, so a block depends on its fields
alone: it is encoded once, kept, and sent to any client. The first block of a connection says so by
a dynamic table size of 0 (section 6.3), after which no SETTINGS_HEADER_TABLE_SIZE matters.

From the client everything must be understood. `Decoder` walks a block once, in time that is linear
in its size; it says by `changes` whether a block touched the table, since one that did not means
the same whenever it comes again until one does. The static table and the Huffman code are hpack's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from nonecorn.spi import Header, Headers
from nonecorn.spi.messages.integer import prefixed_integer
from nonecorn_h2._errors import ConnectionFault, ErrorCode

NO_TABLE = b"\x20"
"""Dynamic table size update to 0."""

ENTRY_OVERHEAD = 32
"""Bytes that each field counts beside its name and value (RFC 7541 section 4.1)."""

_STATIC: tuple[Header, ...] = tuple(HeaderTable.STATIC_TABLE)
_STATIC_COUNT = len(_STATIC)
_TABLE_SIZE = 4096
"""SETTINGS_HEADER_TABLE_SIZE: the default, since we do not send any other."""
_MOST_OCTETS = 5
"""Of an integer; its value stays below 2^35."""

_SECRET = frozenset((b"set-cookie", b"cookie", b"authorization", b"proxy-authorization"))
"""Not to be put into anybody's table (section 7.1.3)."""

_INDEX_BY_NAME: dict[bytes, int] = {}
_INDEX_BY_FIELD: dict[Header, int] = {}
for _index, _entry in enumerate(_STATIC, 1):
    _INDEX_BY_NAME.setdefault(_entry[0], _index)
    _INDEX_BY_FIELD.setdefault(_entry, _index)


def encode_name(name: bytes) -> bytes:
    """What stands before a value: literal without indexing, or never indexed (section 6.2)."""
    first = 0x10 if name in _SECRET else 0
    index = _INDEX_BY_NAME.get(name, 0)
    if index:
        return prefixed_integer(index, 4, first)
    return bytes((first,)) + prefixed_integer(len(name), 7, 0) + name


def encode_value(value: bytes) -> bytes:
    """A string literal, not in Huffman code: what is saved on the wire costs more to make."""
    size = len(value)
    return (bytes((size,)) if size < 127 else prefixed_integer(size, 7, 0)) + value


def encode_status(status: int) -> bytes:
    """The field `:status`."""
    text = b"%d" % status
    index = _INDEX_BY_FIELD.get((b":status", text))
    if index is not None:
        return bytes((0x80 | index,))
    return encode_name(b":status") + encode_value(text)


def encode(fields: Iterable[Header]) -> bytes:
    """A block of fields whose names are in lower case."""
    parts: list[bytes] = []
    for field in fields:
        index = _INDEX_BY_FIELD.get(field)
        if index is not None:
            parts.append(bytes((0x80 | index,)))
        else:
            parts += (encode_name(field[0]), encode_value(field[1]))
    return b"".join(parts)


class Decoder:
    """The client's dynamic table, and what its blocks mean.

    Args:
        limit: Size of a list beyond which its fields are dropped, counted as the table counts.
        most: Size at which a list is not read to its end.

    Attributes:
        changes: How often the table was changed; a block that came and went at one number can be
            remembered.
    """

    __slots__ = ("_entries", "_limit", "_most", "_size", "_table_size", "changes")

    def __init__(self, limit: int, most: int) -> None:
        self._limit = limit
        self._most = most
        self._entries: deque[Header] = deque()
        self._size = 0
        self._table_size = _TABLE_SIZE
        self.changes = 0

    def __repr__(self) -> str:
        return f"<Decoder {len(self._entries)} entries, {self._size} of {self._table_size} bytes>"

    def decode(self, block: bytes) -> Headers | None:
        """The fields of a block; None where they are more than `limit`.

        Raises:
            ConnectionFault: COMPRESSION_ERROR: the block is invalid. ENHANCE_YOUR_CALM: it unfolds
                into more than `most` bytes.
        """
        try:
            return self._decode(block)
        except (IndexError, HPACKDecodingError) as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "hpack") from error

    def _decode(self, block: bytes) -> Headers | None:
        fields: Headers = []
        total = 0
        position = 0
        end = len(block)
        while position < end:
            octet = block[position]
            if octet & 0x80:  # section 6.1
                index = octet & 0x7F
                position += 1
                if index == 0x7F:
                    index, position = _read_integer(block, position, 0x7F)
                field = _STATIC[index - 1] if 0 < index <= _STATIC_COUNT else self._dynamic(index)
            elif octet & 0xE0 == 0x20:  # section 6.3; section 4.2: only before the first field
                if total:
                    raise IndexError
                size = octet & 0x1F
                position += 1
                if size == 0x1F:
                    size, position = _read_integer(block, position, 0x1F)
                self._resize(size)
                continue
            else:  # section 6.2
                prefix = 0x3F if octet & 0x40 else 0x0F
                index = octet & prefix
                position += 1
                if index:
                    if index == prefix:
                        index, position = _read_integer(block, position, prefix)
                    name = (_STATIC[index - 1] if index <= _STATIC_COUNT else self._dynamic(index))[
                        0
                    ]
                else:
                    name, position = _read_string(block, position)
                value, position = _read_string(block, position)
                field = (name, value)
                if octet & 0x40:
                    self._add(field)
            total += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
            if total <= self._limit:
                fields.append(field)
            elif total > self._most:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "head-too-large")
        return fields if total <= self._limit else None

    def _dynamic(self, index: int) -> Header:
        # Index 0 is none (section 6.1); it must not count from the end.
        if not index:
            raise IndexError
        return self._entries[index - _STATIC_COUNT - 1]

    def _add(self, field: Header) -> None:
        """Section 4.4: older entries make room, also for one that is larger than the table."""
        self.changes += 1
        self._entries.appendleft(field)
        self._size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        if self._size > self._table_size:
            self._evict()

    def _resize(self, size: int) -> None:
        if size > _TABLE_SIZE:
            raise IndexError
        self.changes += 1
        self._table_size = size
        self._evict()

    def _evict(self) -> None:
        entries = self._entries
        while self._size > self._table_size:
            name, value = entries.pop()
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD


def _read_integer(block: bytes, position: int, value: int) -> tuple[int, int]:
    """What follows a full prefix: the number, and where it ends (section 5.1).

    Raises:
        IndexError: It has no end, or too many octets (CVE-2026-59980).
    """
    for shift in range(0, 7 * _MOST_OCTETS, 7):
        octet = block[position]
        position += 1
        value += (octet & 127) << shift
        if octet < 128:
            return value, position
    raise IndexError


def _read_string(block: bytes, position: int) -> tuple[bytes, int]:
    """A string literal, and where it ends (section 5.2)."""
    octet = block[position]
    position += 1
    size = octet & 0x7F
    if size == 0x7F:
        size, position = _read_integer(block, position, 0x7F)
    end = position + size
    if end > len(block):
        raise IndexError
    text = block[position:end]
    return (decode_huffman(text) if octet & 0x80 else text), end
