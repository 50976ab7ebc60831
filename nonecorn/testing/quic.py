"""One QUIC connection whose other end is the test.

`MemoryQuicPort` is the `nonecorn.spi.QuicPort` that a protocol over QUIC gets. What the protocol
writes is kept by stream; the test plays the peer: `receive` bytes on a stream, reset it or ask us
to stop, send datagrams, `lose` the connection, or take no bytes (`block`) and take them again
(`drain`). There are no packets: order, loss and credit of a real network are the transport's
business, and its own tests'.

    runtime = MemoryRuntime()
    port = MemoryQuicPort(runtime)
    port.serve(lambda port: MyProtocol(make_context(app, runtime), port))
    port.receive(0, request, end=True)
    runtime.run_until_idle()
    assert port.sent(0) == answer and port.ended(0)

It keeps the contract to the letter, and fails the test where either side breaks it: a protocol that
writes after the end or credits what it never got, a peer that sends more than it may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.spi import QuicPort, QuicProtocol, Runtime, TLSInfo
    from nonecorn.spi.runtime import Address
    from nonecorn.testing.runtime import MemoryRuntime

SEND_BUFFER = 65536
RECEIVE_BUFFER = 65536

_OURS = 0x1
_UNIDIRECTIONAL = 0x2


class MemoryQuicStream:
    """What a port knows of one stream.

    Attributes:
        sent: What the peer has taken.
        taken: How much of that the test has looked at.
        waiting: What it has not taken.
        capacity: Bytes the peer still takes; None for any number.
        paused: The protocol was told to pause.
        finished: Our direction was ended by the protocol.
        reset: Code with which it was reset, by the protocol or because the peer asked for it.
        stopped: Code with which the protocol asked the peer to stop.
        received: Bytes that came.
        consumed: Bytes that were credited.
        closed: The peer has ended or reset its direction.
        unwanted: The protocol has asked the peer to stop, or would have: nothing is left to credit.
        priority: Urgency and whether it is incremental.
    """

    __slots__ = (
        "capacity", "closed", "consumed", "finished", "paused", "priority", "received", "reset",
        "sent", "stopped", "taken", "unwanted", "waiting",
    )  # fmt: skip

    def __init__(self, capacity: int | None) -> None:
        self.sent = bytearray()
        self.taken = 0
        self.waiting = bytearray()
        self.capacity = capacity
        self.paused = False
        self.finished = False
        self.reset: int | None = None
        self.stopped: int | None = None
        self.received = 0
        self.consumed = 0
        self.closed = False
        self.unwanted = False
        self.priority = (3, False)

    def __repr__(self) -> str:
        return (
            f"<MemoryQuicStream sent={len(self.sent)} waiting={len(self.waiting)}"
            f" reset={self.reset} stopped={self.stopped}>"
        )


class MemoryQuicPort:
    """A `QuicPort` in memory.

    Args:
        runtime: Whose.
        client: Peer's address.
        server: Our address.
        tls: TLS facts.
        send_buffer: `pause_writing` threshold of a stream in bytes; `resume_writing` comes at a
            quarter of it.
        receive_buffer: What the peer may send on a stream before any of it is consumed.
        capacity: Bytes the peer takes on a stream before it blocks; None for any number.
        max_datagram: See `nonecorn.spi.QuicPort`.
        early: See `nonecorn.spi.QuicPort`.

    Attributes:
        protocol: What `serve` made.
        streams: Every stream that either side has used.
        opened: Those that the protocol has opened, in order.
        settled: See `nonecorn.spi.QuicPort`; a test may say that the peer acknowledges nothing.
        datagrams: What the protocol has sent as datagrams.
        close_code: What it gave to `close`.
        close_reason: The same.
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
        send_buffer: int = SEND_BUFFER,
        receive_buffer: int = RECEIVE_BUFFER,
        capacity: int | None = None,
        max_datagram: int = 1200,
        early: bool = False,
    ) -> None:
        self.runtime: Runtime = runtime
        self._memory = runtime
        self.protocol: QuicProtocol
        self.client = client
        self.server = server
        self.tls = tls
        self.on_close: Callable[[Any], None] | None = None
        self.early = early
        self.max_datagram = max_datagram
        self.streams: dict[int, MemoryQuicStream] = {}
        self.opened: list[int] = []
        self.settled = True
        self.datagrams: list[bytes] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self.closed = False
        self.aborted = False
        self._send_buffer = send_buffer
        self._receive_buffer = receive_buffer
        self._capacity = capacity
        self._next = {True: 1, False: 3}
        self._lost_called = False

    def __repr__(self) -> str:
        state = (
            "aborted" if self.aborted else
            f"closed {self.close_code:#x}" if self.close_code is not None else
            "closed" if self.closed else
            "open"
        )  # fmt: skip
        return f"<MemoryQuicPort {state} streams={list(self.streams)}>"

    def serve(self, factory: Callable[[QuicPort], QuicProtocol]) -> None:
        """The handshake is complete: have the protocol made, and joined to the runtime."""
        self.protocol = factory(self)
        if not self.closed:
            self._memory.join(self)

    # nonecorn.spi.QuicPort ------------------------------------------------------------------------

    def write(self, stream: int, data: bytes, end: bool) -> None:
        """Send: to the peer as far as it takes it, the rest waits."""
        self._check_ours(stream)
        if self.closed:
            return
        state = self._stream(stream)
        if state.reset is not None:
            return
        assert not state.finished, f"write() on stream {stream} after its end"
        state.waiting += data
        state.finished = end
        self._move(state, None)
        if not state.paused and len(state.waiting) > self._send_buffer:
            state.paused = True
            self.protocol.pause_writing(stream)

    def buffered(self, stream: int) -> int:
        """Bytes that the peer has not taken."""
        state = self.streams.get(stream)
        return len(state.waiting) if state is not None else 0

    def open(self, *, bidirectional: bool) -> int:
        """A new stream."""
        stream = self._next[bidirectional]
        self._next[bidirectional] += 4
        self.opened.append(stream)
        self._stream(stream)
        return stream

    def reset(self, stream: int, code: int) -> None:
        """End our direction abruptly, unless the peer has all of it."""
        self._check_ours(stream)
        state = self._stream(stream)
        if not self.closed and state.reset is None and not (state.finished and not state.waiting):
            state.reset = code
            state.waiting.clear()
            state.paused = False

    def stop(self, stream: int, code: int) -> None:
        """Ask the peer to stop, unless it has."""
        assert stream & (_OURS | _UNIDIRECTIONAL) != _OURS | _UNIDIRECTIONAL, stream
        state = self._stream(stream)
        if not self.closed and not state.unwanted:
            state.unwanted = True
            state.stopped = None if state.closed else code
            state.consumed = state.received

    def consumed(self, stream: int, count: int) -> None:
        """Give credit back."""
        assert count >= 0
        state = self.streams[stream]
        if not state.unwanted:
            state.consumed += count
            assert state.consumed <= state.received, f"stream {stream}: credited what never came"

    def prioritize(self, stream: int, urgency: int, incremental: bool) -> None:
        """Keep it in the stream's `priority`."""
        self._stream(stream).priority = (urgency, incremental)

    def send_datagram(self, data: bytes) -> bool:
        """Keep it in `datagrams`, unless it is too long."""
        if self.closed or len(data) > self.max_datagram:
            return False
        self.datagrams.append(data)
        return True

    def close(self, code: int = 0, reason: str = "") -> None:
        """Close; what waits is dropped."""
        if not self.closed:
            self.close_code = code
            self.close_reason = reason
            self._finish(None)

    def abort(self) -> None:
        """Close without a code of the protocol's."""
        if not self.closed:
            self.aborted = True
            self._finish(None)

    # The peer's side ------------------------------------------------------------------------------

    def sent(self, stream: int) -> bytes:
        """All that the peer has taken of a stream so far."""
        state = self.streams.get(stream)
        return bytes(state.sent) if state is not None else b""

    def take(self, stream: int) -> bytes:
        """The same since the last `take`."""
        state = self._stream(stream)
        data = bytes(state.sent[state.taken :])
        state.taken = len(state.sent)
        return data

    def ended(self, stream: int) -> bool:
        """Our direction has ended, and the peer has all of it."""
        state = self.streams.get(stream)
        return state is not None and state.finished and not state.waiting and state.reset is None

    def credit(self, stream: int) -> int:
        """Bytes that the peer may send on a stream now."""
        state = self.streams.get(stream)
        if state is None:
            return self._receive_buffer
        return self._receive_buffer + state.consumed - state.received

    @property
    def owed(self) -> int:
        """Bytes that came and were not credited: what the connection's own window is short of."""
        return sum(state.received - state.consumed for state in self.streams.values())

    def receive(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """The peer sends bytes on a stream; nothing happens once it was asked to stop."""
        state = self._stream(stream)
        assert not state.closed, f"stream {stream} was ended by the peer"
        assert len(data) <= self.credit(stream), f"stream {stream}: beyond its credit"
        if self.closed:
            return
        state.received += len(data)
        state.closed = end
        if state.stopped is not None:
            state.consumed = state.received
        else:
            self.protocol.stream_data(stream, data, end)

    def peer_reset(self, stream: int, code: int) -> None:
        """The peer ends its direction abruptly."""
        state = self._stream(stream)
        if not self.closed and not state.closed:
            state.closed = True
            if state.stopped is None:
                self.protocol.stream_reset(stream, code)

    def peer_stop(self, stream: int, code: int) -> None:
        """The peer wants no more of ours; nothing happens where it has all."""
        state = self._stream(stream)
        if not self.closed and not self.ended(stream) and state.reset is None:
            state.reset = code
            state.waiting.clear()
            state.paused = False
            self.protocol.stream_stopped(stream, code)

    def peer_datagram(self, data: bytes) -> None:
        """The peer sends a datagram."""
        if not self.closed:
            self.protocol.datagram_received(data)

    def lose(self, error: Exception | None = None) -> None:
        """The connection goes, at once: closed by the peer (None), or timed out."""
        self.closed = True
        self._lost(error)

    def block(self, stream: int | None = None) -> None:
        """The peer takes no more bytes, of one stream or of all, until `drain`."""
        if stream is not None:
            self._stream(stream).capacity = 0
            return
        self._capacity = 0
        for state in self.streams.values():
            state.capacity = 0

    def drain(self, stream: int | None = None, count: int | None = None) -> None:
        """The peer takes `count` bytes of one stream or of each, or all and any that follow."""
        if stream is None:
            if count is None:
                self._capacity = None
            for each in tuple(self.streams):
                self.drain(each, count)
            return
        state = self._stream(stream)
        if count is None:
            state.capacity = None
        self._move(state, count)
        if state.paused and len(state.waiting) <= self._send_buffer // 4:
            state.paused = False
            self.protocol.resume_writing(stream)

    # ----------------------------------------------------------------------------------------------

    def _stream(self, stream: int) -> MemoryQuicStream:
        state = self.streams.get(stream)
        if state is None:
            state = self.streams[stream] = MemoryQuicStream(self._capacity)
        return state

    def _check_ours(self, stream: int) -> None:
        theirs = stream & (_OURS | _UNIDIRECTIONAL) == _UNIDIRECTIONAL
        assert not theirs, f"stream {stream} is the peer's to send on"
        assert stream in self.opened or not stream & _OURS, f"stream {stream} was not opened"

    @staticmethod
    def _move(state: MemoryQuicStream, count: int | None) -> None:
        if count is None:
            count = len(state.waiting) if state.capacity is None else state.capacity
            if state.capacity is not None:
                state.capacity -= min(count, len(state.waiting))
        state.sent += state.waiting[:count]
        del state.waiting[:count]

    def _finish(self, error: Exception | None) -> None:
        self.closed = True
        self._memory.soon(lambda: self._lost(error))

    def _lost(self, error: Exception | None) -> None:
        if self._lost_called:
            return
        self._lost_called = True
        self._memory.leave(self)
        self.protocol.connection_lost(error)
        if self.on_close is not None:
            self.on_close(self)
