"""One configuration with its sockets, and starting workers of it."""

from __future__ import annotations

import logging
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nonecorn.spi import StartupError
from nonecorn.supervisor.assignment import Assignment
from nonecorn.supervisor.child import Child, Owner
from nonecorn.supervisor.spawn import spawn

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.serving.bindings import Bindings
    from nonecorn.serving.handover import SocketHandle
    from nonecorn.supervisor.loop import Loop
    from nonecorn.supervisor.places import Places
    from nonecorn.supervisor.tickets import TicketSecret


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Generation:
    """What the workers of one reload have in common.

    Attributes:
        number: From 1.
        plan: What they are.
        pickled: That, as they get it.
        bindings: Their sockets.
        environ: Their environment.
        directory: Where they start.
        places: Where they stand among each other.
        tickets: What they share for TLS session tickets; None where there is one at a time.
    """

    number: int
    plan: Plan
    pickled: bytes
    bindings: Bindings
    environ: dict[str, str]
    directory: str
    places: Places
    tickets: TicketSecret | None = None

    @classmethod
    def of(
        cls,
        plan: Plan,
        bindings: Bindings,
        number: int,
        places: Places,
        tickets: TicketSecret | None = None,
    ) -> Generation:
        """A generation of the present environment and working directory."""
        return cls(
            number=number,
            plan=plan,
            pickled=pickle.dumps(plan),
            bindings=bindings,
            environ=dict(os.environ),
            directory=os.getcwd(),  # noqa: PTH109  # where a link leads now, later workers start too
            places=places,
            tickets=tickets,
        )

    def __repr__(self) -> str:
        return f"<Generation {self.number} {' '.join(self.bindings.urls)}>"

    def start(self, loop: Loop, owner: Owner, index: int, lanes: Sequence[int]) -> Child | None:
        """Start a worker.

        Args:
            loop: The supervisor's.
            owner: Who is told of it.
            index: Its place among the workers.
            lanes: Whose sockets it serves: indexes for `Bindings.handles`.

        Returns:
            The worker, which is starting; None where the system refuses, which is logged.
        """
        server = self.plan.server
        try:
            place = self.places.next(self.plan)
            handles = self._handles(lanes, None) if sys.platform != "win32" else ()
            process, channel = spawn(
                label=f"{index + 1} {server.app or ''}".rstrip(),
                descriptors=[handle.descriptor for handle in handles],
                environ=self.environ,
                directory=self.directory,
            )
        except (OSError, StartupError) as error:
            log = logging.getLogger("nonecorn.error")
            log.error("worker %d cannot be started: %s", index + 1, error)  # noqa: TRY400  # one line
            return None
        ends = (server.graceful_timeout, server.shutdown_timeout)
        child = Child(
            loop,
            owner,
            number=index + 1,
            process=process,
            channel=channel,
            lanes=lanes,
            startup_timeout=server.startup_timeout,
            ending_timeouts=sum(ends) if server.shutdown_timeout else 0.0,
        )
        if sys.platform == "win32":
            handles = self._handles(lanes, process.pid)
        assignment = Assignment(
            number=index + 1,
            path=tuple(sys.path),
            plan=self.pickled,
            handles=handles,
            place=place,
            tickets=b"" if self.tickets is None else self.tickets.value,
        )
        child.send(assignment.pack())
        return child

    def _handles(self, lanes: Sequence[int], process: int | None) -> tuple[SocketHandle, ...]:
        """Each socket once, whether lanes share it or not."""
        found = {
            (handle.listener, handle.display, handle.worker): handle
            for lane in lanes
            for handle in self.bindings.handles(lane, process=process)
        }
        return tuple(found.values())
