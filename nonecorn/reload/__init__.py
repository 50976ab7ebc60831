"""Development: the application is started anew when a file changes (`--reload`).

    service.py      one server: sockets, the watch, exit code
    development.py  the worker, and what it is replaced by and when
    preparation.py  what a plan becomes for that
    bytecode.py     what Python would wrongly not compile anew
    unavailable.py  what answers while the application cannot be started
    configuration.py  which files the configuration is read from

    watching.py     the watch that the settings ask for
    watch.py        a thread that looks for changes, and says so once they are complete
    polling.py      when to look: all the time
    notified.py     … or when the system says that something has happened, through watchfiles
    choice.py       which of the two
    filesystems.py  where the system says nothing
    tree.py         the files that count, as they are now
    filter.py       which ones do
    globs.py        patterns of paths
    changes.py      the difference of two looks, for people

Sockets and processes are the supervisor's: the socket stays open from start to end, and each worker
is a new interpreter that inherits it. There is one at a time. The next starts when the last has
ended, since two of one application may be in each other's way (a port, a lock, a GPU), and the
page that is loaded after a file was saved must not come from the old code. Meanwhile connections
wait in the socket's queue.

What has changed is always found by looking at the files, and events only say when to look. So both
watchers find the same, and none is misled by an event that is lost, doubled, or about nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.reload.service import develop


def __getattr__(name: str) -> Any:
    # On first use: the worker that answers while there is no application imports this package.
    if name == "develop":
        from nonecorn.reload.service import develop  # noqa: PLC0415

        return develop
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


__all__ = ["develop"]
