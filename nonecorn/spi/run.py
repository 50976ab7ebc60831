"""What a thread serves: how code finds its runtime that nobody hands one.

A middleware that is configured is made with an `AppContext`; one that an application puts around
itself, or a part of itself, is made by the application, which has none. Either finds the server
that calls it here. A loop has its thread to itself, so a record for each thread is enough, and
costs requests nothing.
"""

from __future__ import annotations

import threading
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nonecorn.spi.errors import NonecornError

if typing.TYPE_CHECKING:
    from nonecorn.spi.runtime import Runtime


@dataclass(slots=True, kw_only=True, eq=False)
class Running:
    """One worker's run.

    Attributes:
        runtime: Its loop.
        draining: The server is going to end, so that requests had better go elsewhere; they are
            served all the same. False where another worker takes this one's place.
    """

    runtime: Runtime
    draining: bool = False


class _Thread(threading.local):
    """The runs under way in this thread; several where an embedding program serves twice."""

    def __init__(self) -> None:
        self.runs: list[Running] = []


_thread = _Thread()


def current_run() -> Running:
    """The run that this thread, that of a worker's loop, is in.

    Raises:
        NonecornError: It is no such thread.
    """
    try:
        return _thread.runs[-1]
    except IndexError:
        message = "this thread runs no worker of nonecorn: call this while one serves, on its loop"
        raise NonecornError(message) from None


@contextmanager
def running(run: Running) -> Iterator[None]:
    """Have `current_run` return this. For who runs a worker, and for tests."""
    _thread.runs.append(run)
    try:
        yield
    finally:
        _thread.runs.remove(run)
