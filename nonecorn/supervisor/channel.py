"""One end of the socket pair between supervisor and worker: frames of bytes, whole or not at all.

A frame is its length in four bytes, and that many bytes. Sending never waits: what the system does
not take is kept until `flush`. The end of the channel is the end of the other process, or of its
wish to talk; a process that is killed says it this way too.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections import deque
from collections.abc import Collection, Iterable

_LENGTH = struct.Struct("!I")
_DESCRIPTOR = struct.Struct("i")
_READ_SIZE = 65536
_MOST = 64
"""Descriptors of one frame."""

LIMIT = 65536
"""Bytes of one frame from a worker, and bytes kept for one that does not read."""


class ChannelClosedError(Exception):
    """The other side has closed, died, or sent what is no frame."""


class Channel:
    """See the module.

    Args:
        sock: A connected stream socket; made non-blocking, and closed by `close`.
        limit: Bytes of a frame that is received; 0 for any length.
        takes_descriptors: The other side may send some: only a worker believes what it is sent.

    Attributes:
        sock: As given.
        passed: Descriptors that have arrived, in order.
    """

    __slots__ = ("_limit", "_received", "_takes_descriptors", "_unsent", "passed", "sock")

    def __init__(
        self, sock: socket.socket, *, limit: int = LIMIT, takes_descriptors: bool = False
    ) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.passed: deque[int] = deque()
        self._limit = limit
        self._takes_descriptors = takes_descriptors and sys.platform != "win32"
        self._received = bytearray()
        self._unsent: deque[tuple[bytes, tuple[int, ...]]] = deque()

    def __repr__(self) -> str:
        state = "closed" if self.sock.fileno() == -1 else f"unsent={len(self._unsent)}"
        return f"<Channel {state}>"

    @property
    def unsent(self) -> int:
        """Frames that wait for `flush`."""
        return len(self._unsent)

    def send(self, data: bytes, descriptors: Collection[int] = ()) -> None:
        """Send a frame, now or with a later `flush`. That nobody reads it `receive` says.

        It may be called by any one thread at a time.

        Args:
            data: The frame.
            descriptors: What the other process gets copies of, with the frame; POSIX only.

        Raises:
            OSError: There is no room for another descriptor; nothing is sent.
        """
        # Copies, since they may be sent when the originals are closed.
        copies: list[int] = []
        try:
            copies.extend(map(os.dup, descriptors))
        except OSError:
            _close(copies)
            raise
        self._unsent.append((_LENGTH.pack(len(data)) + data, tuple(copies)))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the system takes it."""
        try:
            while self._unsent:
                data, descriptors = self._unsent[0]
                if descriptors:
                    sent = socket.send_fds(self.sock, [data], descriptors)
                else:
                    sent = self.sock.send(data)
                _close(descriptors)  # they have gone with the first byte
                self._unsent[0] = data[sent:], ()
                if sent == len(data):
                    self._unsent.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._forget_unsent()  # nobody is going to read it

    def receive(self) -> list[bytes]:
        """The frames that have arrived since, maybe none.

        Raises:
            ChannelClosedError: There will be no more.
        """
        try:
            data = self._read()
        except BlockingIOError:
            return []
        except OSError as error:
            raise ChannelClosedError from error
        if not data:
            raise ChannelClosedError
        self._received += data
        return self._frames()

    def _read(self) -> bytes:
        if not self._takes_descriptors:
            return self.sock.recv(_READ_SIZE)
        # Not socket.recv_fds(), which leaves them open for every process that is started.
        flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        space = socket.CMSG_SPACE(_MOST * _DESCRIPTOR.size)
        data, messages, _, _ = self.sock.recvmsg(_READ_SIZE, space, flags)
        for level, kind, content in messages:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                whole = content[: len(content) - len(content) % _DESCRIPTOR.size]
                for (descriptor,) in _DESCRIPTOR.iter_unpack(whole):
                    os.set_inheritable(descriptor, False)
                    self.passed.append(descriptor)
        return data

    def _frames(self) -> list[bytes]:
        frames = []
        received = self._received
        while len(received) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(received)
            if self._limit and size > self._limit:
                raise ChannelClosedError
            end = _LENGTH.size + size
            if len(received) < end:
                break
            frames.append(bytes(received[_LENGTH.size : end]))
            del received[:end]
        return frames

    def close(self) -> None:
        """Close this end. Idempotent."""
        self._forget_unsent()
        self.sock.close()

    def _forget_unsent(self) -> None:
        for _, descriptors in self._unsent:
            _close(descriptors)
        self._unsent.clear()


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
