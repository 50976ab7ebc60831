"""Both ends' frames, written and read without a codec: what tests compare codecs with."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Any

from nonecorn_ws._codec import CodecLimits
from nonecorn_ws._deflate import Agreement, Deflate
from nonecorn_ws._settings import WebSocketSettings

LIMITS = CodecLimits(frame=1 << 24, message=1 << 24, fragments=131072, inflated=1 << 24)
"""The defaults of `[ws]`."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes = b"\x37\xfa\x21\x3d",
    size: int | None = None,
    wide: int = 0,
) -> bytes:
    """A frame as clients send them.

    Args:
        opcode: 0 to 15.
        payload: Not masked yet.
        fin: It ends its message.
        rsv: Reserved bits.
        mask: Four bytes; empty for a frame without mask, which is wrong.
        size: Length to claim, if not the payload's.
        wide: Bytes of the extended length: 2 or 8, or 0 for as many as it takes.
    """
    size = len(payload) if size is None else size
    wide = wide or (0 if size < 126 else 2 if size < 65536 else 8)
    masked = 0x80 if mask else 0
    length = {0: size, 2: 126, 8: 127}[wide]
    head = bytes(((0x80 if fin else 0) | rsv | opcode, masked | length))
    head += size.to_bytes(wide, "big") if wide else b""
    if not mask:
        return head + payload
    body = bytes(byte ^ key for byte, key in zip(payload, itertools.cycle(mask), strict=False))
    return head + mask + body


def client_message(message: str | bytes, parts: int = 1, **options: Any) -> bytes:
    """A message in so many frames, cut without regard to characters."""
    opcode, data = (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)
    step = -(-len(data) // parts) or 1
    frames = []
    for index in range(parts):
        piece = data[index * step : (index + 1) * step]
        fin = index == parts - 1
        frames.append(client_frame(CONTINUATION if index else opcode, piece, fin=fin, **options))
    return b"".join(frames)


def deflated(*messages: bytes, bits: int = 15) -> list[bytes]:
    """Messages compressed one after the other, as RFC 7692 section 7.2.1 asks."""
    compressor = zlib.compressobj(wbits=-bits)
    return [
        (compressor.compress(each) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4] for each in messages
    ]


def make_deflate(**changes: Any) -> Deflate:
    """Compression as it is agreed on with a client that offers it without parameters."""
    facts: dict[str, Any] = {
        "response": b"permessage-deflate",
        "server_bits": 15,
        "client_bits": 15,
        "server_takeover": True,
        "client_takeover": True,
    }
    return Deflate(Agreement(**{**facts, **changes}), WebSocketSettings())


def server_frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Frames that a server sent: first byte (FIN, reserved bits, opcode), and payload.

    Raises:
        AssertionError: One has a mask, or is cut.
    """
    while data:
        first, size = data[0], data[1]
        assert size < 128, "a mask"
        wide = {126: 2, 127: 8}.get(size, 0)
        if wide:
            size = int.from_bytes(data[2 : 2 + wide], "big")
        start = 2 + wide
        assert len(data) >= start + size, "a frame that is cut"
        yield first, data[start : start + size]
        data = data[start + size :]
