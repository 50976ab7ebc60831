"""What a server knows of itself at a moment."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Self

from nonecorn.serving.load import Load

STARTED = time.time()
"""POSIX time of this process's start, but for the moment until it comes here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """One worker.

    Attributes:
        number: From 1; 0 for a server without workers.
        process: Its ID.
        state: `starting`, `ready` or `leaving`.
        load: As of its last word.
        silent: Seconds for which it has owed an answer; 0 for none.
    """

    number: int
    process: int
    state: str
    load: Load = field(default_factory=Load)
    silent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The server.

    Attributes:
        state: What it does, in a word.
        not_live: Why it had better be restarted; empty where that would not help.
        not_ready: Why it is to get no requests; empty when it may.
        draining: It is ending.
        workers: Every process that serves or is going to, or is ending.
        past: What workers have done that have ended, by their number.
        restarts: How many workers have ended by themselves, and were started again.
        runtime: Name of the workers' runtime.
    """

    state: str
    not_live: str = ""
    not_ready: str = ""
    draining: bool = False
    workers: tuple[WorkerFacts, ...] = ()
    past: dict[int, Load] = field(default_factory=dict)
    restarts: int = 0
    runtime: str = ""

    @classmethod
    def of_worker(
        cls, *, stage: str, ready: bool, draining: bool, load: Load, runtime: str
    ) -> Self:
        """Those of a server without workers, told by itself: so it is alive.

        Args:
            stage: Where it is in its life.
            ready: It accepts connections, and is to go on.
            draining: It is ending.
            load: What it has to do.
            runtime: Name of its runtime.
        """
        state = "ready" if ready else "leaving" if draining else "starting"
        own = WorkerFacts(number=0, process=os.getpid(), state=state, load=load)
        if stage == "serving" and not ready:  # not yet, or not any more
            stage = "draining" if draining else "starting"
        return cls(
            state=stage,
            not_ready="" if ready else stage,
            draining=draining,
            workers=(own,),
            runtime=runtime,
        )
