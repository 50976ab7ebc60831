"""The runtime contract: what a Worker plugin provides, and the only way to an event loop.

A `Worker` knows how to run a loop and gives a `Runtime` inside it; the kernel's serving code,
every transport, protocol and stream see only these classes. All methods but
`Runtime.call_from_thread` are called on the loop's thread. None blocks and, unless it says
otherwise, none raises. Methods that are not `async` take effect without yielding to the loop.
"""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

if typing.TYPE_CHECKING:
    import socket

    from nonecorn.spi.clock import Clock
    from nonecorn.spi.protocol import Protocol
    from nonecorn.spi.quic import Endpoint
    from nonecorn.spi.tls import TLSInfo

T = TypeVar("T")
Address = tuple[str, int] | tuple[str, None]


class Waiter(typing.Protocol):
    """A one-shot event for one waiting task."""

    def set(self) -> None:
        """Wake the task, now or when it comes to wait. Idempotent; harmless once the task is
        gone.
        """
        ...

    def wait(self) -> Awaitable[Any]:
        """Awaitable that returns once `set` was called; at once if it was already."""
        ...


class Job(typing.Protocol):
    """A spawned task."""

    def cancel(self) -> Any:
        """Ask the runtime to cancel the task, by its own rules; harmless once it is done."""
        ...


class Timer(typing.Protocol):
    """A scheduled call."""

    def cancel(self) -> Any:
        """Do not make the call; harmless once it was made."""
        ...


class Listening(typing.Protocol):
    """A socket that is being accepted from."""

    def pause(self) -> None:
        """Accept no more for now: new connections wait in the backlog. Idempotent."""
        ...

    def resume(self) -> None:
        """Accept again after `pause`. Idempotent."""
        ...

    def close(self) -> None:
        """Stop for good and close this side's copy of the socket; accepted connections stay.
        Idempotent.
        """
        ...


class Lifetime(typing.Protocol):
    """What every protocol lets its host do, whatever its connection carries.

    Attributes:
        deadline: When `sweep` is wanted, in seconds of `clock.now`.
    """

    deadline: float

    def sweep(self) -> None:
        """`deadline` has passed, by up to a tick."""
        ...

    def shutdown(self) -> None:
        """Drain."""
        ...


class Connection(typing.Protocol):
    """One connection of whatever kind, as those see it who look after all of them: `Port` is a
    byte stream, `QuicPort` many.

    Attributes:
        runtime: Whose it is.
        protocol: What it serves; once a second its `sweep` is called where `protocol.deadline` has
            passed.
        client: Peer's address; None where it has none (unix sockets). A layer that learns who a
            proxy speaks for sets it, and `server`, before it hands the connection over.
        server: Our address: `(host, port)`, or `(path, None)` for a unix socket.
        tls: TLS facts once the handshake is done; None on a clear connection.
        on_close: Called once, after `protocol.connection_lost`; set by who accepted the
            connection.
    """

    client: tuple[str, int] | None
    server: Address | None
    tls: TLSInfo | None
    on_close: Callable[[Any], None] | None

    @property
    def runtime(self) -> Runtime:
        """See the class."""
        ...

    @property
    def protocol(self) -> Lifetime:
        """See the class."""
        ...

    def close(self) -> None:
        """Send what is buffered, then close. `connection_lost(None)` follows, not from within this
        call.
        """
        ...

    def abort(self) -> None:
        """Close at once and drop what this side has buffered. `connection_lost` follows, not from
        within this call.
        """
        ...


class Port(Connection, typing.Protocol):
    """One accepted byte stream, as protocols and streams see it.

    The runtime makes one per connection and calls the methods of `protocol`: `data_received`,
    `eof_received`, `pause_writing`, `resume_writing`, `connection_lost`, and `sweep`.

    Attributes:
        protocol: Whose methods are called; change it with `set_protocol`.
        write: Send bytes, in order. Never waits: what the kernel does not take is buffered, and
            past `limits.send_buffer` bytes `protocol.pause_writing()` is called. It is called too
            where a write finds the peer gone, since `connection_lost` comes only with the next
            tick. After `close`, `abort` or the loss of the connection it does nothing.
        zero_copy: `sendfile` may be used.
    """

    @property
    def write(self) -> Callable[[bytes], None]:
        """See the class."""
        ...

    @property
    def protocol(self) -> Protocol:
        """See the class."""
        ...

    @property
    def zero_copy(self) -> bool:
        """See the class."""
        ...

    def writelines(self, parts: Sequence[bytes]) -> None:
        """`write` several pieces in order, with one system call where the platform can."""
        ...

    def set_protocol(self, protocol: Protocol) -> None:
        """Hand the connection over: from now on `protocol` is called. Bytes already delivered
        are the caller's to pass on.
        """
        ...

    def close(self) -> None:
        """Send what is buffered, then close both directions. `connection_lost(None)` follows,
        not from within this call.
        """
        ...

    def abort(self) -> None:
        """Close at once and drop what this side has buffered; the peer sees an end of stream.

        `connection_lost` follows, not from within this call.
        """
        ...

    def write_eof(self) -> None:
        """Send what is buffered, then end our direction only (TCP half-close, TLS close_notify)."""
        ...

    def pause_reading(self) -> None:
        """Call `data_received` no more until `resume_reading`. Idempotent. One call that is
        under way may still follow.
        """
        ...

    def resume_reading(self) -> None:
        """Undo `pause_reading`. Idempotent."""
        ...

    def buffered(self) -> int:
        """Bytes written that the kernel has not taken yet."""
        ...

    async def sendfile(self, file: int, offset: int, count: int) -> int:
        """Send `count` bytes of an open file from `offset`, in the kernel, after what was
        written before.

        Nothing may be written meanwhile. Only where `zero_copy` is true. While the peer takes
        nothing, the protocol is told by `pause_writing` and `resume_writing`, as for writes.

        Returns:
            Bytes sent; fewer than `count` only where the file ends early.

        Raises:
            ClientDisconnectedError: The connection was lost first.
            OSError: The file cannot be read.
        """
        ...


class DatagramPort(typing.Protocol):
    """One bound datagram socket.

    Attributes:
        runtime: Who made it.
        server: The address bound.
    """

    @property
    def runtime(self) -> Runtime:
        """See the class."""
        ...

    @property
    def server(self) -> Address | None:
        """See the class."""
        ...

    def send(self, packets: list[bytes], address: Any, mark: int = 0) -> None:
        """Send datagrams to one peer, as few system calls as the platform allows; what does not
        fit is dropped.

        Args:
            packets: One datagram each.
            address: The peer's, as `Endpoint.datagrams_received` got it.
            mark: ECN field for their IP headers (RFC 3168): a wish. What the platform cannot mark
                is sent as it is.
        """
        ...

    def pause_reading(self) -> None:
        """Receive no more: somebody else reads the socket. `send` still works. Idempotent."""
        ...

    def close(self) -> None:
        """Stop receiving and close this side's copy of the socket. Idempotent."""
        ...


class Runtime(typing.Protocol):
    """A running loop.

    Attributes:
        name: The worker's name.
        clock: Ticks once a second while there are ports; read it, never call it.
        ports: Every open connection: the outermost port of each that `listen` made, and those that
            have joined.
    """

    @property
    def name(self) -> str:
        """See the class."""
        ...

    @property
    def clock(self) -> Clock:
        """See the class."""
        ...

    @property
    def ports(self) -> AbstractSet[Connection]:
        """See the class."""
        ...

    def time(self) -> float:
        """Monotonic seconds, exact; same zero as `clock.now` and `call_at`."""
        ...

    def spawn(self, function: Callable[[], Awaitable[None]], /) -> Job:
        """Run an async function in a task of its own, in a fresh copy of the worker's context.

        It may begin to run inside this call (eager tasks) or later. The function must not let
        exceptions out, except its runtime's cancellation. Who spawns keeps a reference until
        the function has ended.
        """
        ...

    def waiter(self) -> Waiter:
        """A new one-shot event."""
        ...

    def end_of_tick(self, callback: Callable[[], None], /) -> None:
        """Call back once, after the callbacks that are due now: for writes gathered per tick."""
        ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Call back at `when` (see `time`). Costly: for QUIC, start-up and shut-down, never per
        request.
        """
        ...

    def run_in_thread(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        """Run a blocking function in a thread, with the task's context variables."""
        ...

    def call_from_thread(self, callback: Callable[[], None], /) -> None:
        """Call back on the loop's thread, soon. The one method for other threads; its calls keep
        their order, and do nothing once the runtime has ended.
        """
        ...

    async def listen(
        self,
        sock: socket.socket,
        accept: Callable[[Port], Protocol],
        *,
        backlog: int,
        send_buffer: int,
    ) -> Listening:
        """Accept connections from a copy of a listening socket; `sock` itself stays open and
        the caller's.

        Args:
            sock: A bound stream socket; `listen()` was called on it.
            accept: Makes the protocol of a new connection; an exception from it is logged and
                the connection closed.
            backlog: Length of the queue that `sock.listen` was given.
            send_buffer: `pause_writing` threshold in bytes; `resume_writing` comes at a quarter
                of it.
        """
        ...

    async def listen_datagrams(
        self, sock: socket.socket, endpoint: Callable[[DatagramPort], Endpoint]
    ) -> DatagramPort:
        """Receive from a copy of a bound datagram socket."""
        ...

    def join(self, connection: Connection, /) -> None:
        """Count a connection that this runtime did not make among `ports`: its protocol is swept,
        and it is aborted when the runtime ends. Idempotent.
        """
        ...

    def leave(self, connection: Connection, /) -> None:
        """Undo `join`, once the connection has gone. Idempotent."""
        ...

    def on_signal(self, signal_number: int, callback: Callable[[], None], /) -> None:
        """Call back on the loop's thread when the process gets this signal. Main thread only;
        undone when the runtime ends.
        """
        ...


class Worker(typing.Protocol):
    """A kind of event loop, before it runs."""

    def run(self, main: Callable[[Runtime], Awaitable[T]], /, *, debug: bool = False) -> T:
        """Start a loop in this thread, run `main` in it to its end, close the loop, and return
        what `main` did.

        Raises:
            Exception: What `main` raised.
        """
        ...

    def attach(self) -> AbstractAsyncContextManager[Runtime]:
        """A runtime on the loop that the caller is running in, until the context is left."""
        ...
