"""The transport contract: a bind string becomes sockets. What a runtime does with them is
`Runtime.listen`.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any

if typing.TYPE_CHECKING:
    import socket


@dataclass(frozen=True, slots=True, kw_only=True)
class BindRequest:
    """What is to be bound.

    Attributes:
        address: The bind string, whole.
        backlog: Length of the listen queue.
        options: The server's settings object, for what only some transports know (mode of a
            unix socket).
        reuse_port: Bind with SO_REUSEPORT where the transport can, and say so in
            `Bound.reuse_port`: further sockets with the same address are to come.
    """

    address: str
    backlog: int
    options: Any = None
    reuse_port: bool = False


@dataclass(slots=True, kw_only=True)
class Bound:
    """A socket that listens.

    Attributes:
        sock: Non-blocking, close-on-exec; listening, if it is a stream socket.
        display: The address as a user would type it, the real port included: `127.0.0.1:8000`,
            `unix:/run/app.sock`.
        unlink: Path to remove at the end, or empty.
        reuse_port: Bound with SO_REUSEPORT as the request asked: the kernel opens another socket
            with this address for each further worker. All workers share any other.
    """

    sock: socket.socket
    display: str
    unlink: str = ""
    reuse_port: bool = False


class Binder(typing.Protocol):
    """Opens the sockets of a bind string. Called in the supervisor, before any worker starts;
    may block.
    """

    def __call__(self, request: BindRequest, /) -> list[Bound]:
        """Bind and listen; several sockets where a host name has several addresses.

        Raises:
            ConfigError: The string is not of this transport's form.
            BindError: The operating system refused, with what to do.
        """
        ...
