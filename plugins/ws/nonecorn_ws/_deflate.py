"""permessage-deflate (RFC 7692): what is agreed on, and both directions of it, on zlib.

A message's compressed size says nothing of what it becomes, so it is inflated a step at a time
and looked at after each. Compressors and decompressors are made when a message first needs them:
a socket that is idle, or whose client never compresses, has none.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from nonecorn_ws._codec import FrameError
from nonecorn_ws._settings import WebSocketSettings

NAME = b"permessage-deflate"

Offer = tuple[bytes, tuple[tuple[bytes, bytes | None], ...]]
"""An extension's name, and its parameters in order: name, and value or None."""

_TAIL = b"\x00\x00\xff\xff"  # section 7.2.1: what a sender leaves out
_STEP = 65536
_MOST_ENDS = 64
"""Ends of a DEFLATE stream within a message. Nobody has use for more than one; each costs us a
decompressor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What both sides settled on (RFC 7692 section 7.1).

    Attributes:
        response: Value of `Sec-WebSocket-Extensions` that says so.
        server_bits: Window that we compress with, as a power of two.
        client_bits: Window that the client compresses with, at most.
        server_takeover: Our window goes on from message to message.
        client_takeover: The client's does.
    """

    response: bytes
    server_bits: int
    client_bits: int
    server_takeover: bool
    client_takeover: bool


def agree(offers: Iterable[Offer], settings: WebSocketSettings) -> Agreement | None:
    """The first offer that can be accepted, accepted (RFC 7692 section 5.1); None without one."""
    for name, parameters in offers:
        if name == NAME:
            agreement = _accept(parameters, settings)
            if agreement is not None:
                return agreement
    return None


def _accept(
    parameters: tuple[tuple[bytes, bytes | None], ...], settings: WebSocketSettings
) -> Agreement | None:
    """Section 7.1: a parameter that is unknown, repeated or has an invalid value declines the
    offer.
    """
    offered = dict(parameters)
    if len(offered) != len(parameters):
        return None
    server_bits = client_bits = 15
    response = NAME
    server_takeover = not settings.server_no_context_takeover
    client_takeover = not settings.client_no_context_takeover
    for name, value in parameters:
        if name == b"server_no_context_takeover" and value is None:
            server_takeover = False
        elif name == b"client_no_context_takeover" and value is None:
            client_takeover = False
        elif name == b"server_max_window_bits":
            server_bits = _bits(value)
        elif name == b"client_max_window_bits":
            client_bits = 15 if value is None else _bits(value)
        else:
            return None
    # zlib cannot compress with a window of 256 bytes (it inflates from any).
    if server_bits < 9 or not client_bits:
        return None
    server_bits = min(server_bits, settings.deflate_window_bits)
    if not server_takeover:
        response += b"; server_no_context_takeover"
    if not client_takeover:
        response += b"; client_no_context_takeover"
    if b"server_max_window_bits" in offered:
        response += b"; server_max_window_bits=%d" % server_bits
    if b"client_max_window_bits" in offered:
        # Section 7.1.2.2: only to clients that said that they know it.
        client_bits = min(client_bits, settings.deflate_window_bits)
        response += b"; client_max_window_bits=%d" % client_bits
    return Agreement(
        response=response,
        server_bits=server_bits,
        client_bits=client_bits,
        server_takeover=server_takeover,
        client_takeover=client_takeover,
    )


def _bits(value: bytes | None) -> int:
    """A window's size, 8 to 15 without leading zeros (sections 7.1.2.1, 7.1.2.2); 0 otherwise."""
    return int(value) if value in (b"8", b"9", *(b"%d" % bits for bits in range(10, 16))) else 0


class Deflate:
    """The compression of one connection.

    Args:
        agreement: What was negotiated.
        settings: Level, memory and threshold.

    Attributes:
        agreement: What was negotiated.
        threshold: Messages of fewer bytes are not worth it.
    """

    __slots__ = (
        "_compressor", "_decompressor", "_ends", "_level", "_memory", "agreement", "threshold",
    )  # fmt: skip

    def __init__(self, agreement: Agreement, settings: WebSocketSettings) -> None:
        self.agreement = agreement
        self._level = settings.deflate_level
        self._memory = settings.deflate_memory_level
        self._compressor: zlib._Compress | None = None
        self._decompressor: zlib._Decompress | None = None
        self._ends = 0
        self.threshold = settings.deflate_threshold

    def __repr__(self) -> str:
        return f"<Deflate {self.agreement.response.decode()}>"

    def compress(self, data: bytes, final: bool) -> bytes:
        """Compress a message, or the next part of one (RFC 7692 section 7.2.1)."""
        compressor = self._compressor
        if compressor is None:
            compressor = self._compressor = zlib.compressobj(
                self._level, zlib.DEFLATED, -self.agreement.server_bits, self._memory
            )
        compressed = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        if not final:
            return compressed
        if not self.agreement.server_takeover:
            self._compressor = None
        # Nothing since the last flush: section 7.2.3.6, an empty block.
        return compressed[:-4] if compressed else b"\x00"

    def inflate(self, data: bytes | bytearray, final: bool, into: bytearray, limit: int) -> None:
        """Inflate a message, or the next part of one (RFC 7692 section 7.2.2).

        Args:
            data: Compressed bytes.
            final: They end the message.
            into: Gets what they become.
            limit: Bytes that it may grow to.

        Raises:
            FrameError: 1009 beyond the limit; 1007, it is no DEFLATE.
        """
        decompressor = self._decompressor
        if decompressor is None:
            decompressor = self._restart()
        if final:
            data += _TAIL
        try:
            while True:
                step = decompressor.decompress(data, _STEP)
                into += step
                if len(into) > limit:
                    raise FrameError(1009, "message too big")
                if decompressor.eof:
                    # A block with BFINAL, after which another stream may follow (section 7.2.3.4).
                    data = decompressor.unused_data
                    decompressor = self._restart()
                    self._ends += 1
                    if self._ends > _MOST_ENDS:
                        raise FrameError(1009, "too many DEFLATE streams")
                else:
                    data = decompressor.unconsumed_tail
                if not data and len(step) < _STEP:
                    break
        except zlib.error:
            raise FrameError(1007, "invalid DEFLATE data") from None
        if final:
            self._ends = 0
            if not self.agreement.client_takeover:
                self._decompressor = None

    def _restart(self) -> zlib._Decompress:
        # zlib inflates with no window below 512 bytes, and any smaller one is part of that.
        bits = max(9, self.agreement.client_bits)
        self._decompressor = decompressor = zlib.decompressobj(-bits)
        return decompressor
