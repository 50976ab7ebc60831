"""The process that answers for a server with workers: binds, starts, replaces, reloads, stops.

    service.py     one server's life: bind, workers, ready, signals, exit code
    supervisor.py  what signals mean
    pool.py        the workers: as many as wanted, replaced before they go, or when they have gone
    slots.py       … a place among them, and which sockets it serves
    backoff.py     … and how long it stays empty
    generation.py  one configuration and its sockets; starts workers of it
    reload.py      the next one, until it serves or is given up
    replan.py      the configuration, read again
    recycling.py   when a worker has served long enough, or hangs; memory.py: how large it is
    upgrade.py     the running program replaced: the old side; takeover.py: the new one
    health.py      `health_bind`; probe.py: one who asks
    child.py       a worker, as the supervisor sees it; endings.py: its end, in words
    spawn.py       an interpreter for it; interpreter.py: by which command
    loop.py        what waits for all this: sockets, signals, timers
    places.py      where workers stand among each other
    tickets.py     what TLS sessions are resumed by, at whichever worker
    orphans.py     other people's processes, in a container

    channel.py     frames between the two, over a socket pair
    messages.py    what they say
    assignment.py  what a worker is told first: the Plan and its sockets

    worker.py      the other process: serves until told otherwise
    control.py     … which it is by this

The supervisor never imports an event loop, `ssl` or the application: what may hang, leak or crash
happens in workers, which are interpreters of their own. It reads from them plain data only, since
it may have more rights than they.

Exported on first use: a worker imports this package, and has no use for the supervisor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.supervisor.service import supervise


def __getattr__(name: str) -> Any:
    if name == "supervise":
        from nonecorn.supervisor.service import supervise  # noqa: PLC0415

        return supervise
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


__all__ = ["supervise"]
