"""What `[asyncio]` may hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nonecorn.spi import Settings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncioSettings(Settings):
    """Behaviour of the asyncio worker, and of uvloop's, which builds on it."""

    table: ClassVar[str] = "asyncio"

    eager_tasks: bool = setting(
        True,
        help="Begin each request's task at once, where Python can (3.12 and later) and no task "
        "factory is set.",
    )
