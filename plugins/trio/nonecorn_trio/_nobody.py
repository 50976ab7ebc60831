"""The protocol of a port that has none: not yet, or since the connection was lost no more."""

from __future__ import annotations

from typing import Final

from nonecorn.spi import NEVER, Protocol


class _Nobody:
    __slots__ = ("deadline",)

    def __init__(self) -> None:
        self.deadline = NEVER

    def data_received(self, data: bytes) -> None:
        pass

    def eof_received(self) -> bool | None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        pass

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def sweep(self) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def __repr__(self) -> str:
        return "<no protocol>"


NOBODY: Final[Protocol] = _Nobody()
