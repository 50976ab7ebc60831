"""Has Linux give each datagram to the socket of the worker that it is for.

Sockets with one address (SO_REUSEPORT) are spread over by a hash of the client's address, which
changes when the client moves. A classic BPF program decides by the first byte of the destination
connection ID instead, modulo their number: `_ids` chooses that byte. It needs no privilege. Until a
client has learned an ID of ours, its own random one is spread just as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys
from collections.abc import Sequence

_SO_ATTACH_REUSEPORT_CBPF = 51
_SO_DETACH_REUSEPORT_BPF = 68

# Operations of classic BPF (linux/filter.h). Offset 0 is the UDP payload.
_LOAD_BYTE = 0x30
_JUMP_IF_BITS = 0x45
_JUMP = 0x05
_MODULO = 0x94
_RETURN_A = 0x16

_LONG_HEADER = 0x80
_LONG_ID = 6
"""First byte of the destination connection ID in a long header; its length stands before it."""
_SHORT_ID = 1


def program(count: int) -> bytes:
    """Instructions that return which of `count` sockets is to have a datagram, each a
    `struct sock_filter`.
    """
    return b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (_LOAD_BYTE, 0, 0, 0),
            (_JUMP_IF_BITS, 0, 2, _LONG_HEADER),
            (_LOAD_BYTE, 0, 0, _LONG_ID),
            (_JUMP, 0, 0, 1),
            (_LOAD_BYTE, 0, 0, _SHORT_ID),
            (_MODULO, 0, 0, count),
            (_RETURN_A, 0, 0, 0),
        )
    )


def steer(sockets: Sequence[socket.socket], /) -> None:
    """See `nonecorn.spi.Steer`. Where it cannot be had, workers forward what is not theirs."""
    if sys.platform != "linux" or not sockets:
        return
    # One program serves the whole group. What the kernel cannot do is no reason not to serve.
    with contextlib.suppress(OSError):
        if len(sockets) == 1:
            detach(sockets[0])
            return
        instructions = program(len(sockets))
        held = ctypes.create_string_buffer(instructions, len(instructions))
        filters = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(held))
        sockets[0].setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, filters)


def detach(sock: socket.socket) -> None:
    """Let the kernel spread by address again; a socket alone needs no program."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_REUSEPORT_BPF, struct.pack("i", 0))
