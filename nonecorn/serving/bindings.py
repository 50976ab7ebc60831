"""The sockets of a plan: bound before any worker starts, closed after the last has ended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nonecorn.spi import BindRequest, Bound

if TYPE_CHECKING:
    from nonecorn.plan import ListenerPlan, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One listening socket and what it is for.

    Attributes:
        bound: The socket.
        listener: What the plan says of it.
        file: Device and inode of the socket file that is to be removed.
    """

    bound: Bound
    listener: ListenerPlan
    file: tuple[int, int] | None = None

    @property
    def url(self) -> str:
        """The address as a person would open it."""
        scheme = "https" if self.listener.tls else "http"
        display = self.bound.display
        if display.startswith(("unix:", "fd://")):
            return display
        return f"{scheme}://{display}"


class Bindings:
    """All listening sockets of a server; a context manager that closes them."""

    def __init__(self) -> None:
        self._bindings: list[Binding] = []

    def __repr__(self) -> str:
        return f"<Bindings {' '.join(self.urls)}>"

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._bindings)

    @property
    def urls(self) -> list[str]:
        """One per socket, in the order configured."""
        return [binding.url for binding in self._bindings]

    def bind(self, plan: Plan) -> None:
        """Open every listener of a plan.

        Raises:
            BindError: One cannot be bound; those before it stay open until `close`.
            ConfigError: An address has no form that its transport knows.
        """
        server = plan.server
        for listener in plan.listeners:
            request = BindRequest(address=listener.address, backlog=server.backlog, options=server)
            self._bindings += [
                Binding(bound=bound, listener=listener, file=_identity(bound.unlink))
                for bound in listener.transport.bind.load()(request)
            ]

    def close(self) -> None:
        """Close the sockets and remove the socket files. Idempotent."""
        for binding in self._bindings:
            path = binding.bound.unlink
            # Another server may have bound the path since: its socket is not ours to remove. Ours
            # goes before it is closed, so that no client finds a file that nobody serves.
            if path and _identity(path) == binding.file:
                with contextlib.suppress(OSError):
                    Path(path).unlink()
            binding.bound.sock.close()
        self._bindings.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _identity(path: str) -> tuple[int, int] | None:
    """Which file a path names; None for none."""
    if not path:
        return None
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
