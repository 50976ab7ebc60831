"""What `[wsgi]` may hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from nonecorn.spi import Settings, Unit, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class WSGISettings(Settings):
    """WSGI applications: their threads, and what their requests may hold."""

    table: ClassVar[str] = "wsgi"

    threads: int = setting(
        32, help="Requests that a worker's WSGI application handles at once.", minimum=1
    )
    queue_size: int = setting(
        1024, help="Requests that wait for a thread; further ones are answered 503.", minimum=1
    )
    body_size: int = setting(
        16777216, help="Request body (413 beyond it); 0: no limit.", unit=Unit.BYTES, minimum=0
    )
    read_ahead: int = setting(
        65536,
        help="Request bodies up to this size are received whole before they take a thread.",
        unit=Unit.BYTES,
        minimum=0,
    )
    multiprocess: Literal["auto", "on", "off"] = setting(
        "auto",
        help="Whether applications are told that others like them run (wsgi.multiprocess).",
    )
