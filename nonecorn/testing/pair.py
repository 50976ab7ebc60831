"""Our protocol and a foreign client engine, joined in memory.

What one side wants to send is cut by a splitter and given to the other until both are quiet; the
application is run to idle after each piece. A protocol that agrees with an engine that somebody
else wrote, however the bytes are cut, can be trusted more than one that agrees with itself.

    pair = WirePair(lambda port: MyProtocol(context, port), H11Client())
    response = pair.client.get("/")
    pair.pump()
    assert response.status == 200
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from nonecorn.testing.runtime import MemoryRuntime
from nonecorn.testing.split import Splitter, whole
from nonecorn.testing.task import DeadlockError

if typing.TYPE_CHECKING:
    from nonecorn.spi import Protocol
    from nonecorn.testing.port import MemoryPort

ROUNDS = 100_000


class ClientEngine(typing.Protocol):
    """A sans-IO client: h11's, h2's, wsproto's, behind two methods."""

    def data_to_send(self) -> bytes:
        """Bytes for the server that were not asked for before; empty for none."""
        ...

    def receive(self, data: bytes) -> None:
        """Bytes from the server; empty once, where it has ended its direction.

        Raises:
            Exception: The server broke the protocol.
        """
        ...


C = TypeVar("C", bound=ClientEngine)


class WirePair(Generic[C]):
    """A connection between a protocol under test and a client engine.

    Args:
        factory: Makes the protocol for its port.
        client: The other end.
        runtime: Whose port it is; it must be the one in the protocol's context.
        to_server: Cuts what the client sends.
        to_client: Cuts what the server sends.
        **options: Those of `MemoryPort`.

    Attributes:
        client: As given.
        port: The server's port.
        runtime: The server's runtime.
        requested: All that the client has sent.
        answered: All that the server has sent.
    """

    def __init__(
        self,
        factory: Callable[[MemoryPort], Protocol],
        client: C,
        *,
        runtime: MemoryRuntime,
        to_server: Splitter = whole,
        to_client: Splitter = whole,
        **options: Any,
    ) -> None:
        self.client = client
        self.runtime = runtime
        self.port = runtime.connect(factory, **options)
        self.requested = bytearray()
        self.answered = bytearray()
        self._to_server = to_server
        self._to_client = to_client
        self._told_eof = False
        self.pump()

    def pump(self) -> None:
        """Carry bytes both ways until neither side has any.

        Raises:
            DeadlockError: The two talk for ever.
            Exception: One of them let it out.
        """
        self.runtime.run_until_idle()
        for _ in range(ROUNDS):
            if not (self._carry_to_server() | self._carry_to_client()):
                return
        message = f"{self!r}: not quiet after {ROUNDS} rounds"
        raise DeadlockError(message)

    def close(self) -> None:
        """The client closes its end."""
        self.port.eof()
        self.pump()

    @property
    def server_closed(self) -> bool:
        """The server has ended its direction or the whole connection."""
        return self.port.eof_sent or self.port.closed

    def _carry_to_server(self) -> bool:
        data = self.client.data_to_send()
        self.requested += data
        for piece in self._to_server(data):
            self.port.receive(piece)
            self.runtime.run_until_idle()
        return bool(data)

    def _carry_to_client(self) -> bool:
        data = self.port.take()
        self.answered += data
        for piece in self._to_client(data):
            self.client.receive(piece)
        if not data and self.server_closed and not self._told_eof:
            self._told_eof = True
            self.client.receive(b"")
        return bool(data)

    def __repr__(self) -> str:
        return f"<WirePair {self.client!r} {self.port!r}>"
