"""The watch that a plan asks for, replaced where another plan asks for another."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.reload.changes import Changes
from nonecorn.reload.choice import choose_alarm
from nonecorn.reload.preparation import tree_of
from nonecorn.reload.watch import Watch

if TYPE_CHECKING:
    from nonecorn.config.schema import ServerSettings
    from nonecorn.supervisor.loop import Loop


class Watching:
    """See the module.

    Args:
        loop: Waits for changes.
        files: Which files the configuration is read from, given the settings.
        changed: Called with what has changed.

    Attributes:
        configuration: Files that the configuration is read from.
        summary: What is watched, and how, for the log.
    """

    def __init__(
        self,
        loop: Loop,
        files: Callable[[ServerSettings], tuple[str, ...]],
        changed: Callable[[Changes], None],
    ) -> None:
        self.configuration: tuple[str, ...] = ()
        self.summary = ""
        self._loop = loop
        self._files = files
        self._changed = changed
        self._watch: Watch | None = None
        self._asked: object = None

    def __repr__(self) -> str:
        return f"<Watching {self._watch or 'nothing'}>"

    def follow(self, server: ServerSettings) -> bool:
        """Watch what these settings say, from now on.

        Returns:
            Whether that is another watch than before.

        Raises:
            ConfigError: watchfiles is wanted, and is not installed.
        """
        configuration = self._files(server)
        asked = (
            configuration, server.app, server.app_dir, server.reload_dir, server.reload_include,
            server.reload_exclude, server.reload_watcher,
        )  # fmt: skip
        if asked == self._asked:
            return False
        tree = tree_of(server, configuration)
        make_alarm, how = choose_alarm(server.reload_watcher, tree)
        watch = Watch(tree, make_alarm)
        count = watch.start()
        self.close()
        self._watch, self._asked, self.configuration = watch, asked, configuration
        self._loop.on_ready(watch.sock, lambda: self._changed(watch.changes()))
        where = ", ".join(os.path.relpath(root) for root in tree.roots)
        self.summary = f"watching {count} {'file' if count == 1 else 'files'} in {where} by {how}"
        if not count:
            logging.getLogger("nonecorn.error").warning("no file is watched in %s", where)
        return True

    def close(self) -> None:
        """End. Idempotent."""
        if self._watch is not None:
            self._loop.forget(self._watch.sock)
            self._watch.close()
            self._watch = None
