"""Field compression (RFC 9204), in two halves that share nothing.

Towards the client nothing is ever put into the dynamic table: a block depends on its fields alone,
so it is encoded once, kept, and sent to any client; no stream of ours is ever blocked, and there is
no encoder stream (section 4.2 allows that). A block begins with two zero bytes that say so.

From the client everything must be understood. Its dynamic table and the number of streams that may
wait for it are bounded by what our SETTINGS say. A block of a few bytes may refer to one large
entry again and again; so the lines of a longer one are counted before it is unfolded.
"""

from __future__ import annotations

from collections.abc import Iterator

import pylsqpack

from nonecorn.spi import Header, Headers, Limits
from nonecorn.spi.messages.integer import prefixed_integer
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode

PREFIX = b"\x00\x00"
"""Required Insert Count and Base of a block that uses no dynamic table (section 4.5.1)."""

FIELD_OVERHEAD = 32
"""Bytes that each field counts beside its name and value (RFC 9114 section 4.2.2)."""

_MOST_UNCOUNTED = 128
"""Bytes of a block that can unfold into no more than that many entries of the table."""
_PSEUDO = 5

# Literals with an indexed name that must not be indexed by whoever passes them on (section 7.1.3).
_NEVER_INDEXED = {b"set-cookie": 14, b"authorization": 84}


class BlockedError(Exception):
    """A block needs entries of the table that have not arrived yet (section 2.1.2)."""


# Towards the client -------------------------------------------------------------------------------

_encoder = pylsqpack.Encoder()
"""Without a dynamic table, it has no state."""


def encode(fields: list[Header], /) -> bytes:
    """Fields, with names in lower case, as part of a block for any client."""
    parts: list[bytes] = []
    plain: list[Header] = []
    for field in fields:
        if field[0] in _NEVER_INDEXED:
            parts += (_encode_plain(plain), _encode_secret(*field))
            plain = []
        else:
            plain.append(field)
    parts.append(_encode_plain(plain))
    return b"".join(parts)


def encode_head(status: int, fields: list[Header], /) -> bytes:
    """The same with a block's prefix and `:status` before them."""
    return PREFIX + encode([(b":status", b"%d" % status), *fields])


class StaticEncoder:
    """The two functions as a `nonecorn.spi.messages.response.Encoder`."""

    encode = staticmethod(encode)
    encode_head = staticmethod(encode_head)


def _encode_plain(fields: list[Header]) -> bytes:
    return _encoder.encode(0, fields)[1][2:] if fields else b""


def _encode_secret(name: bytes, value: bytes) -> bytes:
    """A literal with a name of the static table and the N bit (section 4.5.4)."""
    return (
        prefixed_integer(_NEVER_INDEXED[name], 4, 0x70) + prefixed_integer(len(value), 7, 0) + value
    )  # fmt: skip


# From the client ----------------------------------------------------------------------------------


class FieldDecoder:
    """One client's dynamic table, and what its blocks mean.

    Args:
        limits: `[limits]`.
        table_size: Our SETTINGS_QPACK_MAX_TABLE_CAPACITY.
        blocked_streams: Our SETTINGS_QPACK_BLOCKED_STREAMS.

    Attributes:
        out: Instructions for the client, to be written to our decoder stream (section 4.4).
        changes: How often instructions came; a block that came and went at one number can be
            remembered.
    """

    __slots__ = ("_decoder", "_most_fields", "_most_size", "_table_size", "changes", "out")

    def __init__(self, limits: Limits, table_size: int, blocked_streams: int) -> None:
        self._decoder = pylsqpack.Decoder(table_size, blocked_streams)
        self._table_size = table_size
        self._most_fields = limits.head_fields + _PSEUDO
        self._most_size = limits.head_size
        self.out = b""
        self.changes = 0

    def __repr__(self) -> str:
        return f"<FieldDecoder table={self._table_size} changes={self.changes}>"

    def feed(self, data: bytes) -> list[int]:
        """Bytes of the client's encoder stream.

        Returns:
            Streams whose blocks can be read by `resume` now.

        Raises:
            ConnectionFault: They are no instructions.
        """
        self.changes += 1
        try:
            return self._decoder.feed_encoder(data)
        except pylsqpack.EncoderStreamError as error:
            raise ConnectionFault(ErrorCode.QPACK_ENCODER_STREAM_ERROR, "qpack") from error

    def decode(self, stream_id: int, block: bytes) -> Headers | None:
        """The fields of a block; None where they are more than `[limits]` says.

        Raises:
            BlockedError: They cannot be known yet.
            ConnectionFault: The block is invalid.
        """
        if block == PREFIX:
            return []
        if len(block) > _MOST_UNCOUNTED and count_lines(block) > self._most_fields:
            if block[0]:
                self.cancel(stream_id)
            return None
        try:
            out, fields = self._decoder.feed_header(stream_id, block)
        except pylsqpack.StreamBlocked as error:
            raise BlockedError from error
        except pylsqpack.DecompressionFailed as error:
            if has_empty_name(block):
                # The library knows no such field, but there is nothing wrong with the compression:
                # it is the message that is malformed.
                self.cancel(stream_id)
                return [(b"", b"")]
            raise ConnectionFault(ErrorCode.QPACK_DECOMPRESSION_FAILED, "qpack") from error
        if out:
            self.out += out
        return self._bounded(fields)

    def resume(self, stream_id: int) -> Headers | None:
        """The same for a block that was blocked.

        Raises:
            BlockedError: It still is.
            ConnectionFault: The block is invalid.
        """
        try:
            out, fields = self._decoder.resume_header(stream_id)
        except pylsqpack.StreamBlocked as error:
            raise BlockedError from error
        except pylsqpack.DecompressionFailed as error:
            raise ConnectionFault(ErrorCode.QPACK_DECOMPRESSION_FAILED, "qpack") from error
        self.out += out
        return self._bounded(fields)

    def cancel(self, stream_id: int) -> None:
        """A stream is not read to its end (section 2.2.2.2)."""
        if self._table_size:
            self.out += self._decoder.cancel_stream(stream_id)

    def _bounded(self, fields: Headers) -> Headers | None:
        size = FIELD_OVERHEAD * len(fields)
        for name, value in fields:
            size += len(name) + len(value)
        return fields if size <= self._most_size else None


def count_lines(block: bytes) -> int:
    """How many field lines a block has (section 4.5), without unfolding it.

    One that is broken counts as far as it can be read: whoever decodes it will say so.
    """
    count = 0
    try:
        for _ in _lines(block):
            count += 1
    except IndexError:
        pass
    return count


def has_empty_name(block: bytes) -> bool:
    """Of a block that can be read to its end: a field has a name without a byte."""
    try:
        return any(octet & 0xE7 == 0x20 for octet in tuple(_lines(block)))
    except IndexError:
        return False


def _lines(block: bytes) -> Iterator[int]:
    """The first byte of each field line.

    Raises:
        IndexError: The block ends within one.
    """
    position = _skip(block, 0, 8)
    position = _skip(block, position, 7)
    size = len(block)
    while position < size:
        octet = block[position]
        if octet & 0x80:
            position = _skip(block, position, 6)
        elif octet & 0x40:
            position = _skip_string(block, _skip(block, position, 4), 7)
        elif octet & 0x20:
            position = _skip_string(block, _skip_string(block, position, 3), 7)
        elif octet & 0x10:
            position = _skip(block, position, 4)
        else:
            position = _skip_string(block, _skip(block, position, 3), 7)
        if position > size:
            raise IndexError
        yield octet


def _skip(block: bytes, position: int, prefix_bits: int) -> int:
    """Where the integer that begins here ends."""
    limit = (1 << prefix_bits) - 1
    if block[position] & limit == limit:
        position += 1
        while block[position] & 0x80:
            position += 1
    return position + 1


def _skip_string(block: bytes, position: int, prefix_bits: int) -> int:
    """Where the string that begins here ends, whose length has so many bits in its first byte."""
    limit = (1 << prefix_bits) - 1
    size = block[position] & limit
    position += 1
    if size == limit:
        shift = 0
        while True:
            octet = block[position]
            position += 1
            size += (octet & 127) << shift
            shift += 7
            if octet < 128:
                break
            if shift > 35:
                raise IndexError
    return position + size
