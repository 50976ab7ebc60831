"""Listening sockets on their way into another process.

A socket cannot be pickled: what travels is a `SocketHandle`, plain data that JSON and pickle both
take, beside the descriptor itself. On POSIX the child inherits that under the same number
(`subprocess.Popen(pass_fds=[handle.descriptor …])`); on Windows the handle holds what the system
makes of the socket for one process, whose ID must be known by then.
"""

from __future__ import annotations

import base64
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from nonecorn.spi import BindError, Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketHandle:
    """One listening socket, described.

    Attributes:
        listener: Index of its listener in the plan.
        address: The bind string, as configured.
        kind: What it carries: the value of a `nonecorn.spi.Kind`.
        display: The address that it is bound to.
        worker: Index of the one worker whose socket it is; None where all share it.
        lanes: How many workers have one of these each; 1 where all share it.
        reuse_port: Other sockets may be opened with its address.
        descriptor: Its number in the giving process, and in the child; -1 on Windows.
        shared: On Windows, what `socket.share` gave, in base64.
        unlink: Socket file that who takes it over removes at the end; empty for a worker.
    """

    listener: int
    address: str
    kind: str
    display: str
    worker: int | None = None
    lanes: int = 1
    reuse_port: bool = False
    descriptor: int = -1
    shared: str = ""
    unlink: str = ""

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Undo `as_json`."""
        return cls(**value)

    def take(self) -> Bound:
        """The socket, in the process that it was given to.

        Raises:
            BindError: It did not come along.
        """
        try:
            if sys.platform == "win32":
                sock = socket.fromshare(base64.b64decode(self.shared))
            else:
                sock = socket.socket(fileno=self.descriptor)
        except OSError as error:
            message = f"the socket of {self.display} was not inherited: {error}"
            raise BindError(message) from error
        sock.setblocking(False)
        sock.set_inheritable(False)
        return Bound(
            sock=sock, display=self.display, unlink=self.unlink, reuse_port=self.reuse_port
        )


def share(sock: socket.socket, process: int | None) -> dict[str, Any]:
    """The fields of a handle that lead to the socket itself.

    Args:
        sock: The socket.
        process: Who gets it; needed on Windows only.

    Raises:
        ValueError: It is needed and was not given.
    """
    if sys.platform == "win32":
        if process is None:
            message = "Windows passes a socket to a process that runs: its ID is needed"
            raise ValueError(message)
        return {"shared": base64.b64encode(sock.share(process)).decode("ascii")}
    return {"descriptor": sock.fileno()}
