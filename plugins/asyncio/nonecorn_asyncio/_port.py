"""A connection of an asyncio transport.

The port is the transport's `asyncio.Protocol`, but for data: its attribute `data_received` is
the bound method of the nonecorn protocol itself, so bytes reach that in one call, also from
uvloop, which keeps the method. The rarer calls pass through here.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from nonecorn.spi import ClientDisconnectedError

if TYPE_CHECKING:
    from nonecorn.spi import Protocol, TLSInfo
    from nonecorn_asyncio._listening import AsyncioListening
    from nonecorn_asyncio._runtime import AsyncioRuntime

T = TypeVar("T")
_SENDFILE = getattr(os, "sendfile", None)
_SENDFILE_MOST = 1 << 20
"""Bytes of a file per system call, so that a page cache miss delays others little."""


class AsyncioPort:
    """See `nonecorn.spi.Port`."""

    __slots__ = (
        "_closing", "_lost", "_reading", "_sending", "_transport", "_writable", "client",
        "data_received", "listening", "on_close", "protocol", "runtime", "server", "tls",
        "zero_copy",
    )  # fmt: skip

    data_received: Callable[[bytes], None]
    protocol: Protocol
    client: tuple[str, int] | None
    server: Any

    def __init__(
        self,
        runtime: AsyncioRuntime,
        listening: AsyncioListening,
        client: tuple[str, int] | None = None,
    ) -> None:
        self.client = client
        self.runtime = runtime
        self.listening = listening
        self.tls: TLSInfo | None = None
        self.on_close: Callable[[Any], None] | None = None
        self._reading = True
        self._lost = False
        self._closing = False
        self._sending = False
        self._writable: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "lost" if self._lost else "closing" if self._closing else "open"
        return f"<AsyncioPort {state} client={self.client} protocol={type(self.protocol).__name__}>"

    # Called by the transport ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Set everything up and let the listener's `accept` choose the protocol."""
        self._transport = transport
        info = transport.get_extra_info
        listening = self.listening
        if listening.is_unix:
            self.server = listening.address
        else:
            if self.client is None:
                peer = info("peername")
                self.client = (peer[0], peer[1]) if peer else None
            server = listening.address
            if server is None:
                name = info("sockname")
                server = (name[0], name[1]) if name else None
            self.server = server
        self.zero_copy = _SENDFILE is not None
        if listening.send_buffer != 65536:  # the loops' own default
            transport.set_write_buffer_limits(listening.send_buffer)
        runtime = self.runtime
        runtime.ports.add(self)
        if not runtime.ticking:
            runtime.start_ticking()
        if runtime.detached:
            self.protocol = _NOTHING
            transport.abort()
            return
        try:
            self.protocol = protocol = listening.accept(self)
        except Exception:
            self.runtime.log.exception("a connection could not be accepted")
            self.protocol = _NOTHING
            transport.abort()
            return
        self.data_received = protocol.data_received
        transport.set_protocol(self)  # type: ignore[arg-type]  # uvloop takes data_received anew

    def eof_received(self) -> bool | None:
        """End of the peer's direction."""
        return self._guarded(self.protocol.eof_received)

    def pause_writing(self) -> None:
        """The transport's buffer is over its mark."""
        if not self._sending:
            self._guarded(self.protocol.pause_writing)

    def resume_writing(self) -> None:
        """It is not any more."""
        if self._sending:
            self._set_writable()
        else:
            self._guarded(self.protocol.resume_writing)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, said once."""
        self._lost = self._closing = True
        self.runtime.ports.discard(self)
        if self._writable is not None:
            self._set_writable()
        try:
            self.protocol.connection_lost(exc)
        except Exception:
            self.runtime.log.exception("%r: %r failed", self, self.protocol)
        if self.on_close is not None:
            self._guarded(self.on_close, self)
        # Port and protocol refer to each other: let neither wait for the garbage collector.
        self.protocol = _NOTHING
        self.data_received = _NOTHING.data_received
        self.on_close = None

    def _guarded(self, function: Callable[..., T], *arguments: Any) -> T | None:
        """Call what must not raise; where it does all the same, only this connection ends."""
        try:
            return function(*arguments)
        except Exception:
            self.runtime.log.exception("%r: %r failed", self, function)
            self.abort()
            return None

    # Called by protocols --------------------------------------------------------------------------

    def set_protocol(self, protocol: Protocol) -> None:
        """See `nonecorn.spi.Port`."""
        self.protocol = protocol
        self.data_received = protocol.data_received
        if not self._lost:
            self._transport.set_protocol(self)  # type: ignore[arg-type]

    def write(self, data: bytes) -> None:
        """See `nonecorn.spi.Port`.

        uvloop raises on a closed transport and asyncio warns; this does neither.
        """
        if not self._closing:
            transport = self._transport
            transport.write(data)
            if transport.is_closing() and not self._closing:
                # The write found the client gone, and `connection_lost` comes with the next tick.
                # There would be none if an application could go on sending until then.
                self._closing = True
                self._guarded(self.protocol.pause_writing)

    def writelines(self, parts: Sequence[bytes]) -> None:
        """See `nonecorn.spi.Port`.

        uvloop takes them with one system call. asyncio would copy them together, or (3.12 to
        3.13.1) never pause.
        """
        if self._closing:
            return
        if self.runtime.vectored:
            transport = self._transport
            transport.writelines(parts)
            if transport.is_closing() and not self._closing:
                self._closing = True
                self._guarded(self.protocol.pause_writing)
        else:
            for part in parts:
                self.write(part)

    def close(self) -> None:
        """See `nonecorn.spi.Port`."""
        if not self._closing:
            self._closing = True
            self._transport.close()

    def abort(self) -> None:
        """See `nonecorn.spi.Port`."""
        self._closing = True
        if not self._lost:
            self._transport.abort()

    def write_eof(self) -> None:
        """See `nonecorn.spi.Port`.

        asyncio ends the direction here and now where nothing is buffered, and raises what the
        system says of a connection that was reset meanwhile.
        """
        if not self._closing:
            try:
                self._transport.write_eof()
            except OSError:
                self.abort()

    def pause_reading(self) -> None:
        """See `nonecorn.spi.Port`."""
        if self._reading:
            self._reading = False
            if not self._closing:
                self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See `nonecorn.spi.Port`."""
        if not self._reading:
            self._reading = True
            if not self._closing:
                self._transport.resume_reading()

    def buffered(self) -> int:
        """See `nonecorn.spi.Port`."""
        return 0 if self._lost else self._transport.get_write_buffer_size()

    # sendfile -------------------------------------------------------------------------------------

    async def sendfile(self, file: int, offset: int, count: int) -> int:
        """See `nonecorn.spi.Port`.

        The loops' own `sendfile` is missing in uvloop. This one waits until the transport's
        buffer is empty and then sends on a copy of the socket, whose readiness a loop lets us
        watch beside the transport's.
        """
        transport = self._transport
        loop = self.runtime.loop
        # From here on the transport's pauses are ours; the protocol hears of those that `_wait`
        # makes.
        self._sending = True
        transport.set_write_buffer_limits(0)
        sock: socket.socket | None = None
        sent = 0
        try:
            while transport.get_write_buffer_size():
                await self._wait()
            self._check_lost()
            sock = transport.get_extra_info("socket").dup()
            descriptor = sock.fileno()
            while sent < count:
                try:
                    size = _SENDFILE(  # type: ignore[misc]  # zero_copy says that it is there
                        descriptor, file, offset + sent, min(count - sent, _SENDFILE_MOST)
                    )
                except BlockingIOError:
                    loop.add_writer(descriptor, self._set_writable)
                    try:
                        await self._wait()
                    finally:
                        loop.remove_writer(descriptor)
                    continue
                except (BrokenPipeError, ConnectionError) as error:
                    transport.abort()
                    message = "the client has disconnected"
                    raise ClientDisconnectedError(message) from error
                if not size:
                    break
                sent += size
                await asyncio.sleep(0)
                self._check_lost()
        finally:
            if sock is not None:
                sock.close()
            self._sending = False
            if not self._lost:
                transport.set_write_buffer_limits(self.listening.send_buffer)
        return sent

    async def _wait(self) -> None:
        """Wait until the peer takes more; the protocol has the deadline for those that do not."""
        self._writable = self.runtime.loop.create_future()
        self._guarded(self.protocol.pause_writing)
        try:
            if not self._lost:
                await self._writable
        finally:
            self._writable = None
            if not self._lost:
                self._guarded(self.protocol.resume_writing)
        self._check_lost()

    def _set_writable(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _check_lost(self) -> None:
        if self._lost:
            message = "the client has disconnected"
            raise ClientDisconnectedError(message)


class _Nothing:
    """The protocol of a connection that could not be accepted."""

    __slots__ = ()
    deadline = float("inf")

    def data_received(self, data: bytes) -> None:
        """Dropped."""

    def eof_received(self) -> bool | None:
        """Close."""
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""

    def pause_writing(self) -> None:
        """Nothing was written."""

    def resume_writing(self) -> None:
        """Nothing was written."""

    def sweep(self) -> None:
        """No deadline."""

    def shutdown(self) -> None:
        """Closing already."""


_NOTHING = _Nothing()
