"""Which watcher: watchfiles where it is there and can do it, polling otherwise."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.reload.filesystems import silent_kind
from nonecorn.reload.polling import Polling
from nonecorn.spi import ConfigError

if TYPE_CHECKING:
    from nonecorn.reload.tree import Tree
    from nonecorn.reload.watch import Alarm

_LIBRARY = "watchfiles"


def choose_alarm(wanted: str, tree: Tree) -> tuple[Callable[[threading.Event], Alarm], str]:
    """What says when to look.

    Args:
        wanted: `auto`, `watchfiles` or `polling`.
        tree: What is looked at.

    Returns:
        What makes it, and how it is called in the log.

    Raises:
        ConfigError: watchfiles is wanted, and is not installed.
    """
    installed = importlib.util.find_spec(_LIBRARY) is not None
    if wanted == _LIBRARY and not installed:
        message = (
            "reload_watcher is 'watchfiles', which is not installed: it is in nonecorn[reload]"
        )
        raise ConfigError(message)
    if wanted == "polling":
        return Polling, "polling"
    if not installed:
        return Polling, "polling; with watchfiles, of nonecorn[reload], there is less to do"
    kind = silent_kind(tree.roots) if wanted == "auto" else ""
    if kind:
        return Polling, f"polling: the file system ({kind}) does not tell of changes"
    from nonecorn.reload.notified import Notified  # noqa: PLC0415  # where it is installed

    return lambda stop: Notified(tree.roots, stop), _LIBRARY
