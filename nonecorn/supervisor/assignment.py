"""What a worker is told first: who it is, where modules are, the Plan, its sockets.

It goes from the supervisor to a worker only, and is the one thing that is pickled. The Plan is
pickled once per generation, inside: it names modules that are found only with the path set.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

from nonecorn.serving.handover import SocketHandle
from nonecorn.spi import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """See the module.

    Attributes:
        number: The worker's number, from 1.
        path: The supervisor's `sys.path`.
        plan: The Plan, pickled.
        handles: Its listening sockets.
        place: Where it stands among the others.
        tickets: What all workers make the keys of TLS session tickets from; empty: each its own.
    """

    number: int
    path: tuple[str, ...]
    plan: bytes
    handles: tuple[SocketHandle, ...]
    place: Place
    tickets: bytes = field(default=b"", repr=False)

    def pack(self) -> bytes:
        """As it is sent."""
        return pickle.dumps(self)

    @staticmethod
    def unpack(data: bytes) -> Assignment:
        """Undo `pack`. In a worker only, which believes all that its supervisor says."""
        assignment = pickle.loads(data)  # noqa: S301  # from the supervisor
        assert isinstance(assignment, Assignment)
        return assignment
