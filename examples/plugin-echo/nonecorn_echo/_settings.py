"""What `[echo]` may hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nonecorn.spi import Settings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoSettings(Settings):
    """Settings of the observer. The middleware's options stand where it is configured."""

    table: ClassVar[str] = "echo"

    requests: bool = setting(True, help="Print a line for each request.")
    prefix: str = setting("echo", help="Text before each line.")
