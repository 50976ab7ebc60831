"""Worker on asyncio's own event loop; `nonecorn-uvloop` builds on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_asyncio._worker import AsyncioWorker

__all__ = ["AsyncioWorker"]


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; asyncio only where it runs.
    if name == "AsyncioWorker":
        from nonecorn_asyncio._worker import AsyncioWorker  # noqa: PLC0415

        return AsyncioWorker
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
