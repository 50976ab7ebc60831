"""Look when the system says that something has happened: inotify and its like, by watchfiles.

On Linux every directory has a watch of its own, and the system has only so many: just those that
count are watched, one by one, and not what is excluded. Elsewhere a watch covers all that lies
below.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import watchfiles

if TYPE_CHECKING:
    from nonecorn.reload.tree import Snapshot

_RECURSIVE = sys.platform in ("darwin", "win32")
_STEP = 50
"""Milliseconds of silence after an event."""
_MOST = 400
"""Milliseconds of events, however many more there are."""
_TURN = 500
"""Milliseconds without events, after which outlying files are looked at."""
_SHARE = 5
"""Where events do not end, looks may take this part of the time."""
_GONE = 0.1
"""Seconds until directories are looked up again, one of which went as it was to be watched."""


class Notified:
    """See the module; an `Alarm`.

    Args:
        roots: The outermost directories.
        stop: Set at the end.
    """

    name = "watchfiles"

    def __init__(self, roots: Sequence[str], stop: threading.Event) -> None:
        self._roots = roots
        self._stop = stop
        self._watched: frozenset[str] = frozenset()
        self._events: Generator[object, None, None] | None = None
        self._fresh = True

    def __repr__(self) -> str:
        return f"<Notified of {len(self._watched)} directories>"

    def wait(self, known: Snapshot, cost: float) -> bool:
        """See `Alarm`.

        Raises:
            OSError: The system has no room for more watches, or no such thing at all.
            RuntimeError: watchfiles does not work.
        """
        try:
            return self._wait(known) and not self._stop.wait(cost * _SHARE)
        except FileNotFoundError:
            self.close()
            return not self._stop.wait(_GONE)

    def _wait(self, known: Snapshot) -> bool:
        directories = frozenset(self._roots) if _RECURSIVE else known.directories
        if directories != self._watched:
            self.close()
            self._watched = directories
        if self._events is None:
            self._events = self._watch(filter(os.path.isdir, directories))
            self._fresh = True
        for events in self._events:
            # What happened while the watch was being set up is said by nobody: one look after it.
            if events or self._fresh or known.outlying_changed():
                self._fresh = False
                return True
        return False

    def _watch(self, directories: Iterable[str]) -> Generator[object, None, None]:
        return watchfiles.watch(
            *directories,
            watch_filter=None,
            debounce=_MOST,
            step=_STEP,
            stop_event=self._stop,
            rust_timeout=_TURN,
            yield_on_timeout=True,
            debug=False,
            raise_interrupt=False,
            force_polling=False,
            recursive=_RECURSIVE,
            ignore_permission_denied=True,
        )

    def close(self) -> None:
        """See `Alarm`."""
        if self._events is not None:
            with closing(self._events):
                self._events = None
        self._watched = frozenset()
