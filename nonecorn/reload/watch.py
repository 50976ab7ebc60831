"""A thread that looks for changes, and says so once they are complete.

Editors write a file in several steps, formatters write it once more, and a version control system
writes hundreds: a change is said when nothing has happened for a moment. A change that is undone by
then is none.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from nonecorn.reload.changes import Changes
from nonecorn.reload.polling import Polling
from nonecorn.reload.tree import Snapshot, Stamp, Tree

QUIET = 0.1
"""Seconds without a further change that complete one."""
PATIENCE = 3.0
"""Seconds after which changes are said although there are more."""
_ENDING = 2.0
"""Seconds that the thread may take to end."""


class Alarm(Protocol):
    """Says when to look.

    Attributes:
        name: For the log.
    """

    name: str

    def wait(self, known: Snapshot, cost: float) -> bool:
        """Wait until it is worth another look.

        Args:
            known: What the last one found.
            cost: Seconds that it took.

        Returns:
            False at the end.

        Raises:
            OSError: It cannot say it.
            RuntimeError: Likewise.
        """
        ...

    def close(self) -> None:
        """Give back what the system provides. Idempotent."""
        ...


class Watch:
    """See the module.

    Args:
        tree: What to look at.
        make_alarm: Makes what says when, given an event that is set at the end.

    Attributes:
        sock: Can be read when `changes` has something to say.
    """

    def __init__(self, tree: Tree, make_alarm: Callable[[threading.Event], Alarm]) -> None:
        self.tree = tree
        self._stop = threading.Event()
        self._alarm = make_alarm(self._stop)
        self._log = logging.getLogger("nonecorn.error")
        self.sock, self._waking = socket.socketpair()
        for sock in (self.sock, self._waking):
            sock.setblocking(False)
        self._lock = threading.Lock()
        self._known = Snapshot(files={}, directories=frozenset())
        self._said: Mapping[str, Stamp] = {}
        self._cost = 0.0
        self._thread = threading.Thread(target=self._run, name="nonecorn.watch", daemon=True)

    def __repr__(self) -> str:
        return f"<Watch by {self._alarm.name}: {self._known!r}>"

    def start(self) -> int:
        """Take the present state for what is known, and begin.

        Returns:
            How many files count.
        """
        self._known = self._look()
        self._said = self._known.files
        self._thread.start()
        return len(self._known.files)

    def changes(self) -> Changes:
        """What has changed since this was asked last; maybe nothing."""
        with contextlib.suppress(BlockingIOError):
            while self.sock.recv(4096):
                pass
        with self._lock:
            before, self._said = self._said, self._known.files
            return Changes.between(before, self._said)

    def close(self) -> None:
        """End. Idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_ENDING)
        self.sock.close()
        self._waking.close()

    # In the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait():
                if self._settled():
                    with contextlib.suppress(OSError):  # it is full, or we are at the end
                        self._waking.send(b"\0")
        except Exception:  # noqa: BLE001  # logged
            self._log.exception("files are not watched any more")
        finally:
            self._alarm.close()

    def _wait(self) -> bool:
        try:
            return self._alarm.wait(self._known, self._cost)
        except (OSError, RuntimeError) as error:
            self._alarm.close()
            self._log.warning("%s cannot watch (%s): polling instead", self._alarm.name, error)
            self._alarm = Polling(self._stop)
            return True

    def _settled(self) -> bool:
        """Look, and once more, until nothing changes; whether anything has."""
        found = self._look()
        limit = time.monotonic() + PATIENCE
        while found.files != self._known.files and time.monotonic() < limit:
            if self._stop.wait(QUIET):
                return False
            before, found = found, self._look()
            if found.files == before.files:
                break
        changed = found.files != self._known.files
        with self._lock:
            self._known = found
        return changed

    def _look(self) -> Snapshot:
        begun = time.monotonic()
        found = self.tree.look()
        self._cost = time.monotonic() - begun
        return found
