"""What was found, for a moment: bounded in names and in bytes."""

from __future__ import annotations

from nonecorn.spi import Runtime
from nonecorn_static._files import File, Files, Found

_NAMES = 4096
"""Names that are remembered, whether there is something or not: clients invent them."""

_LONG = 256
"""Characters of a name that is not remembered where there is nothing: thousands would weigh."""


class _Entry:
    __slots__ = ("found", "until", "weight")

    def __init__(self, found: Found, until: float) -> None:
        self.found = found
        self.until = until
        self.weight = found.memory if isinstance(found, File) else 0


class Memory:
    """See the module.

    Args:
        files: The directory.
        recheck: Seconds for which what was found holds.
        size: Bytes of contents that are kept.
    """

    __slots__ = ("_entries", "_files", "_held", "_recheck", "_size")

    def __init__(self, files: Files, recheck: float, size: int) -> None:
        self._files = files
        self._recheck = recheck
        self._size = size
        self._held = 0
        self._entries: dict[tuple[str, bool], _Entry] = {}  # in the order of the last look

    def __repr__(self) -> str:
        return f"<Memory {len(self._entries)} names, {self._held} bytes>"

    async def find(self, runtime: Runtime, name: str, *, slash: bool, fresh: bool = False) -> Found:
        """What has that name.

        Args:
            runtime: Whose threads look.
            name: A safe one.
            slash: It was followed by one.
            fresh: Look, whatever is remembered.

        Raises:
            OSError: The file system fails.
        """
        key = (name, slash)
        entry = self._entries.get(key)
        now = runtime.time()
        if entry is not None and not fresh:
            if now < entry.until:
                return entry.found
            entry.until = now + self._recheck  # others are served this while one looks
        known = None if entry is None else entry.found
        found = await runtime.run_in_thread(self._files.look, name, slash, known)
        self._forget(key)
        entry = _Entry(found, now + self._recheck)
        if entry.weight <= self._size and (found is not None or len(name) <= _LONG):
            self._entries[key] = entry
            self._held += entry.weight
            while self._held > self._size or len(self._entries) > _NAMES:
                self._forget(next(iter(self._entries)))
        return found

    def _forget(self, key: tuple[str, bool]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._held -= entry.weight
