"""One connection whose other end is the test.

`MemoryPort` is the `nonecorn.spi.Port` that a protocol gets. What the protocol writes is in `sent`;
the test plays the peer: `receive` bytes, `eof`, `lose` the connection, or stop taking bytes
(`block`) and take them again (`drain`). It keeps the contract to the letter, and fails the test
where a protocol breaks it, by writing during `sendfile` for example.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nonecorn.spi import ClientDisconnectedError

if TYPE_CHECKING:
    from nonecorn.spi import Port, Protocol, Runtime, TLSInfo
    from nonecorn.spi.runtime import Address
    from nonecorn.testing.runtime import MemoryRuntime
    from nonecorn.testing.task import MemoryWaiter

SEND_BUFFER = 65536
_CHUNK = 65536
_LOST = "the connection was lost during sendfile()"


class MemoryPort:
    """A `Port` in memory.

    Args:
        runtime: Whose.
        client: Peer's address.
        server: Our address.
        tls: TLS facts, to make the connection look secure.
        zero_copy: Offer `sendfile`.
        send_buffer: `pause_writing` threshold in bytes; `resume_writing` comes at a quarter of it.
        capacity: Bytes the peer takes before it blocks; None for any number.

    Attributes:
        write: Send bytes: to the peer as far as it takes them, the rest into the buffer.
        capacity: Bytes the peer still takes; None for any number. Set it as you like.
        delivered: Bytes given to `data_received` so far.
        reading: Whether the protocol wants bytes: False after `pause_reading`.
        paused: The protocol was told to pause writing.
        eof_sent: Our direction was ended, by `write_eof`, and everything before it was taken.
        closing: `close` or `abort` was called.
        closed: The connection is over: `connection_lost` was called or is about to be.
        aborted: `abort` was called.
    """

    def __init__(
        self,
        runtime: MemoryRuntime,
        *,
        client: tuple[str, int] | None = ("127.0.0.1", 50000),
        server: Address | None = ("127.0.0.1", 8000),
        tls: TLSInfo | None = None,
        zero_copy: bool = False,
        send_buffer: int = SEND_BUFFER,
        capacity: int | None = None,
    ) -> None:
        self.runtime: Runtime = runtime
        self._memory = runtime
        self.protocol: Protocol
        self.write: Callable[[bytes], None] = self._write
        self.client = client
        self.server = server
        self.tls = tls
        self.zero_copy = zero_copy
        self.on_close: Callable[[Port], None] | None = None
        self.capacity = capacity
        self.delivered = 0
        self.reading = True
        self.paused = False
        self.eof_sent = False
        self.closing = False
        self.closed = False
        self.aborted = False
        self._send_buffer = send_buffer
        self._sent = bytearray()
        self._taken = 0
        self._buffer = bytearray()
        self._inbox: deque[bytes | None] = deque()
        self._eof_wanted = False
        self._sending_file: MemoryWaiter | None = None
        self._file_lock = False
        self._lost_called = False

    # nonecorn.spi.Port ----------------------------------------------------------------------------

    def set_protocol(self, protocol: Protocol) -> None:
        """Call `protocol` from now on."""
        self.protocol = protocol
        if not self.closed:
            self._memory._ports.add(self)

    def close(self) -> None:
        """Close once the peer has taken what is buffered."""
        self.closing = True
        self._inbox.clear()
        if not self._buffer:
            self._finish(None)

    def abort(self) -> None:
        """Close now."""
        self.closing = self.aborted = True
        self._inbox.clear()
        self._buffer.clear()
        self._finish(None)

    def writelines(self, parts: Sequence[bytes]) -> None:
        """Write each."""
        for part in parts:
            self.write(part)

    def write_eof(self) -> None:
        """End our direction once the peer has taken what is buffered."""
        self._eof_wanted = True
        if not self._buffer and not self.closed:
            self.eof_sent = True

    def pause_reading(self) -> None:
        """Keep what arrives until `resume_reading`."""
        self.reading = False

    def resume_reading(self) -> None:
        """Deliver what was kept, in the runtime's next turn."""
        if not self.reading:
            self.reading = True
            self._memory.soon(self._deliver)

    def buffered(self) -> int:
        """Bytes that the peer has not taken."""
        return len(self._buffer)

    async def sendfile(self, file: int, offset: int, count: int) -> int:
        """Write part of a file, waiting while the peer does not take it."""
        assert self.zero_copy, "sendfile() on a port without zero_copy"
        assert not self._file_lock, "sendfile() during sendfile()"
        self._file_lock = True
        total = 0
        try:
            while total < count:
                data = _pread(file, min(_CHUNK, count - total), offset + total)
                if not data:
                    break
                if self.closing:
                    raise ClientDisconnectedError(_LOST)
                self._take(data)
                total += len(data)
                while self._buffer and not self.closed:
                    self._sending_file = self._memory.waiter()
                    await self._sending_file.wait()
                if self.closed:
                    raise ClientDisconnectedError(_LOST)
        finally:
            self._file_lock = False
            self._sending_file = None
        return total

    # The peer's side ------------------------------------------------------------------------------

    @property
    def sent(self) -> bytes:
        """All that the peer has taken so far."""
        return bytes(self._sent)

    def take(self) -> bytes:
        """What the peer has taken since the last `take`."""
        data = bytes(self._sent[self._taken :])
        self._taken = len(self._sent)
        return data

    def receive(self, data: bytes) -> None:
        """The peer sends bytes: one `data_received`, now or after `resume_reading`.

        They are dropped once the port closes.
        """
        if data and not self.closing and not self.closed:
            self._inbox.append(data)
            self._deliver()

    def eof(self) -> None:
        """The peer ends its direction: `eof_received` after the bytes before it."""
        if not self.closing and not self.closed:
            self._inbox.append(None)
            self._deliver()

    def lose(self, error: Exception | None = None) -> None:
        """The connection breaks: `connection_lost(error)`, at once."""
        self._inbox.clear()
        self._buffer.clear()
        self.closed = True
        self._lost(error)

    def block(self) -> None:
        """The peer takes no more bytes until `drain`."""
        self.capacity = 0

    def drain(self, count: int | None = None) -> None:
        """The peer takes `count` buffered bytes, or all of them and any that follow."""
        if count is None:
            self.capacity = None
            count = len(self._buffer)
        self._sent += self._buffer[:count]
        del self._buffer[:count]
        if self.paused and len(self._buffer) <= self._send_buffer // 4:
            self.paused = False
            self.protocol.resume_writing()
        if not self._buffer:
            if self._sending_file is not None:
                self._sending_file.set()
            if self._eof_wanted and not self.closed:
                self.eof_sent = True
            if self.closing:
                self._finish(None)

    def exchange(self, data: bytes) -> bytes:
        """`receive`, run everything until it is idle, and `take` the answer."""
        self.receive(data)
        self._memory.run_until_idle()
        return self.take()

    # ----------------------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        assert not self._file_lock, "write() during sendfile()"
        assert not self._eof_wanted or self.closed, "write() after write_eof()"
        if self.closing or self.closed:
            return
        self._take(data)
        if not self.paused and len(self._buffer) > self._send_buffer:
            self.paused = True
            self.protocol.pause_writing()

    def _take(self, data: bytes) -> None:
        if self._buffer:
            self._buffer += data
        elif self.capacity is None:
            self._sent += data
        else:
            self._sent += data[: self.capacity]
            self._buffer += data[self.capacity :]
            self.capacity -= min(self.capacity, len(data))

    def _deliver(self) -> None:
        while self._inbox and self.reading and not self.closing and not self.closed:
            data = self._inbox.popleft()
            if data is not None:
                self.delivered += len(data)
                self.protocol.data_received(data)
            elif not self.protocol.eof_received() and not self.closing:
                self.close()

    def _finish(self, error: Exception | None) -> None:
        if not self.closed:
            self.closed = True
            self._memory.soon(lambda: self._lost(error))

    def _lost(self, error: Exception | None) -> None:
        if self._lost_called:
            return
        self._lost_called = True
        self._memory._ports.discard(self)
        if self._sending_file is not None:
            self._sending_file.set()
        self.protocol.connection_lost(error)
        if self.on_close is not None:
            self.on_close(self)

    def __repr__(self) -> str:
        state = (
            "aborted" if self.aborted else
            "closed" if self.closed else
            "closing" if self.closing else
            "half-closed" if self.eof_sent else
            "open"
        )  # fmt: skip
        return f"<MemoryPort {state} sent={len(self._sent)} buffered={len(self._buffer)}>"


def _pread(file: int, count: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(file, count, offset)
    # Windows has no pread; nobody else uses the descriptor meanwhile.
    position = os.lseek(file, 0, os.SEEK_CUR)
    try:
        os.lseek(file, offset, os.SEEK_SET)
        return os.read(file, count)
    finally:
        os.lseek(file, position, os.SEEK_SET)
