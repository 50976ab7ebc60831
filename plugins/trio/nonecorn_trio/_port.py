"""One accepted connection: a non-blocking socket, its write buffer, and its protocol.

States. *Open*: `write` goes straight to the socket. *Busy*: something stands before a direct write
(buffered bytes, a `sendfile` under way, our end of stream), so `write` appends or ignores.
*Closing*: nothing more is read or accepted for writing; what is buffered still goes out. *Lost*:
over; `connection_lost` is called at the end of the tick, so never from within a call of the
protocol's. None goes back but busy to open.

Interest in reading is dropped lazily: `pause_reading` only sets a flag, and the poller is told
when bytes arrive while it is set. A protocol that pauses and resumes once a request then costs no
system call.
"""

from __future__ import annotations

import logging
import os
import socket
import typing
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

import trio

from nonecorn.spi import ClientDisconnectedError
from nonecorn_trio._nobody import NOBODY
from nonecorn_trio._poller import READ, WRITE
from nonecorn_trio._waiter import Waiter

if typing.TYPE_CHECKING:
    from nonecorn.spi import Port, Protocol, Runtime, TLSInfo
    from nonecorn.spi.runtime import Address
    from nonecorn_trio._runtime import TrioRuntime

_logger = logging.getLogger("nonecorn.error")
_READ_SIZE = 65536
_FILE_SIZE = 1 << 20  # Of a file in one system call; other tasks get their turn between two.
_GATHER = 64  # Chunks given to one sendmsg; far below every platform's IOV_MAX.
_GONE = "the connection was lost before the file was sent"
_HAS_SENDFILE = hasattr(os, "sendfile")
_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")
_MOST_PARTS = 64
_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")


def _discard(_data: bytes) -> None:
    """`write` once the connection was lost."""


class SocketPort:
    """See `nonecorn.spi.Port`.

    Args:
        owner: The runtime that accepted the connection.
        sock: Non-blocking; owned by the port from now on.
        client: Peer's address, or None.
        server: Our address.
        send_buffer: Bytes buffered beyond which the protocol is paused.
    """

    __slots__ = (
        "_buffer",
        "_buffered",
        "_busy",
        "_closing",
        "_data_received",
        "_ending",
        "_error",
        "_events",
        "_high",
        "_lost",
        "_on_ready",
        "_owner",
        "_paused",
        "_reading",
        "_recv",
        "_send",
        "_sending",
        "_sock",
        "_writable",
        "_write_paused",
        "client",
        "on_close",
        "protocol",
        "runtime",
        "server",
        "tls",
        "write",
        "zero_copy",
    )

    def __init__(
        self,
        owner: TrioRuntime,
        sock: socket.socket,
        client: tuple[str, int] | None,
        server: Address | None,
        send_buffer: int,
    ) -> None:
        self.runtime: Runtime = owner
        self._owner = owner
        self.client = client
        self.server = server
        self.tls: TLSInfo | None = None
        self.on_close: Callable[[Port], None] | None = None
        self.zero_copy = _HAS_SENDFILE
        self.write: Callable[[bytes], None] = self._write
        self.set_protocol(NOBODY)
        self._sock = sock
        self._send = sock.send
        self._recv = sock.recv
        self._on_ready = self._ready
        self._events = 0
        self._reading = True
        self._paused = False
        self._busy = False
        self._closing = False
        self._ending = False
        self._lost = False
        self._error: Exception | None = None
        self._buffer: deque[bytes | memoryview] = deque()
        self._buffered = 0
        self._high = send_buffer
        self._write_paused = False
        self._sending = False
        self._writable: Waiter | None = None

    # -- what the runtime calls

    def start(self, protocol: Protocol) -> None:
        """Begin to read for `protocol`, which may have written, paused or closed already."""
        self.set_protocol(protocol)
        self._owner.join(self)
        if self._reading and not self._lost:
            self._watch(self._events | READ)
        if self._buffered > self._high:
            self._pause_protocol()

    def discard(self) -> None:
        """Close a connection that got no protocol."""
        self._lost = self._busy = True
        self._watch(0)
        self._finish()

    # -- what protocols call

    def set_protocol(self, protocol: Protocol) -> None:
        """Call `protocol` from now on."""
        self.protocol = protocol
        self._data_received = protocol.data_received

    def _write(self, data: bytes) -> None:
        if self._busy:
            self._append(data)
            return
        try:
            sent = self._send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lose(error)
            # `connection_lost` comes at the end of the tick, and there would be none if an
            # application could go on sending until then.
            if not self._write_paused:
                self._pause_protocol()
            return
        if sent != len(data):
            self._busy = True
            self._append(memoryview(data)[sent:])

    def writelines(self, parts: Sequence[bytes]) -> None:
        """Send several pieces."""
        if self._busy or not _HAS_SENDMSG or len(parts) > _MOST_PARTS:
            for part in parts:
                self._write(part)
            return
        try:
            sent = self._sock.sendmsg(parts)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lose(error)
            if not self._write_paused:
                self._pause_protocol()
            return
        for part in parts:
            if sent >= len(part):
                sent -= len(part)
            else:
                self._busy = True
                self._append(memoryview(part)[sent:])
                sent = 0

    def _append(self, data: bytes | memoryview) -> None:
        if self._closing or self._ending or self._lost or not data:
            return
        self._buffer.append(data)
        self._buffered += len(data)
        if not self._sending:
            self._watch(self._events | WRITE)
        if self._buffered > self._high and not self._write_paused:
            self._pause_protocol()

    def buffered(self) -> int:
        """Bytes that the kernel has not taken."""
        return self._buffered

    def pause_reading(self) -> None:
        """Deliver nothing until `resume_reading`."""
        self._paused = True

    def resume_reading(self) -> None:
        """Deliver again."""
        if self._paused:
            self._paused = False
            if self._reading:
                self._watch(self._events | READ)

    def write_eof(self) -> None:
        """End our direction after what is buffered."""
        if not (self._ending or self._closing or self._lost):
            self._ending = self._busy = True
            self._settle()

    def close(self) -> None:
        """Close after what is buffered."""
        if not (self._closing or self._lost):
            self._closing = self._busy = True
            self._stop_reading()
            self._settle()

    def abort(self) -> None:
        """Close now."""
        self._lose(None)

    async def sendfile(self, file: int, offset: int, count: int) -> int:
        """Send part of a file after what is buffered; what is written meanwhile follows."""
        if self._closing or self._ending:
            raise ClientDisconnectedError(_GONE)
        self._busy = True
        position, end = offset, offset + count
        try:
            if self._buffer:
                await self._wait_writable()
            self._sending = True
            while True:
                if self._lost:
                    raise ClientDisconnectedError(_GONE) from self._error
                if position >= end:
                    break
                try:
                    sent = os.sendfile(
                        self._sock.fileno(), file, position, min(end - position, _FILE_SIZE)
                    )
                except (BlockingIOError, InterruptedError):
                    # The protocol has the deadline for clients that take nothing.
                    if not self._write_paused:
                        self._pause_protocol()
                    await self._wait_writable()
                    continue
                except (ConnectionError, TimeoutError) as error:
                    self._lose(error)
                    continue
                if not sent:
                    break
                position += sent
                await trio.lowlevel.checkpoint()
        finally:
            self._sending = False
            self._settle()
            # Cancelled, it may leave a pause behind that no flush would end.
            if self._write_paused and not self._buffer and not self._lost:
                self._resume_protocol()
        return position - offset

    async def _wait_writable(self) -> None:
        """Until nothing is buffered and the socket takes bytes, or the connection is lost."""
        if self._lost:
            return
        self._writable = Waiter()
        self._watch(self._events | WRITE)
        try:
            await self._writable.wait()
        finally:
            self._writable = None

    # -- readiness

    def _ready(self, mask: int) -> None:
        # The mask may be older than what earlier callbacks of the batch did: take what is still
        # wanted.
        mask &= self._events
        if mask & WRITE:
            self._flush()
        if mask & READ:
            self._read()

    def _read(self) -> None:
        if self._paused or not self._reading:
            self._watch(self._events & ~READ)
            return
        try:
            data = self._recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        try:
            if data:
                self._data_received(data)
            else:
                self._stop_reading()
                if not self.protocol.eof_received():
                    self.close()
        except Exception as error:  # noqa: BLE001  # logged there
            self._failed("data_received" if data else "eof_received", error)

    def _flush(self) -> None:
        buffer = self._buffer
        if buffer and not self._sending:
            try:
                if len(buffer) == 1 or not _HAS_SENDMSG:
                    sent = self._send(buffer[0])
                else:
                    sent = self._sock.sendmsg(islice(buffer, _GATHER))
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._lose(error)
                return
            self._buffered -= sent
            while sent:
                first = buffer.popleft()
                if len(first) > sent:
                    buffer.appendleft(memoryview(first)[sent:])
                    break
                sent -= len(first)
        if self._sending or not buffer:
            self._watch(self._events & ~WRITE)
            self._settle()
        if self._write_paused and self._buffered <= self._high // 4 and not self._lost:
            self._resume_protocol()

    # -- transitions

    def _settle(self) -> None:
        """Do what comes next, if nothing is before it: wake a `sendfile`, send our end, close."""
        if self._lost:
            return
        if self._writable is not None:
            if self._sending or not self._buffer:
                self._writable.set()
        elif self._sending:
            return
        elif self._buffer:
            self._watch(self._events | WRITE)
        elif self._closing:
            self._lose(None)
        elif self._ending:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                self._lose(error)
        else:
            self._busy = False

    def _stop_reading(self) -> None:
        self._reading = False
        self._watch(self._events & ~READ)

    def _pause_protocol(self) -> None:
        self._write_paused = True
        try:
            self.protocol.pause_writing()
        except Exception as error:  # noqa: BLE001  # logged there
            self._failed("pause_writing", error)

    def _resume_protocol(self) -> None:
        self._write_paused = False
        try:
            self.protocol.resume_writing()
        except Exception as error:  # noqa: BLE001  # logged there
            self._failed("resume_writing", error)

    def _failed(self, where: str, error: Exception) -> None:
        """The protocol raised: it is not to be trusted with this connection any more."""
        _logger.error(
            "%r raised in %s; its connection is aborted", self.protocol, where, exc_info=error
        )
        self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = self._busy = True
        self._reading = False
        self._error = error
        self._buffer.clear()
        self._buffered = 0
        self._watch(0)
        if self._writable is not None:
            self._writable.set()
        self._owner.end_of_tick(self._finish)

    def _finish(self) -> None:
        self._sock.close()
        self._owner.leave(self)
        protocol = self.protocol
        # Port and protocol refer to each other; let neither wait for the garbage collector.
        self.set_protocol(NOBODY)
        self.write = _discard
        try:
            protocol.connection_lost(self._error)
        except Exception:
            _logger.exception("%r raised in connection_lost", protocol)
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            try:
                on_close(self)
            except Exception:
                _logger.exception("%r raised in on_close", on_close)

    def _watch(self, events: int) -> None:
        """Be told of these events and no others."""
        if events == self._events:
            return
        poller = self._owner.poller
        if not self._events:
            poller.register(self._sock, events, self._on_ready)
        elif events:
            poller.modify(self._sock, events, self._on_ready)
        else:
            poller.unregister(self._sock)
        self._events = events

    def __repr__(self) -> str:
        state = (
            "lost" if self._lost
            else "closing" if self._closing
            else "half-closed" if self._ending
            else "open"
        )  # fmt: skip
        addresses = f"client={self.client} server={self.server}"
        return f"<SocketPort {state} {addresses} buffered={self._buffered}>"
