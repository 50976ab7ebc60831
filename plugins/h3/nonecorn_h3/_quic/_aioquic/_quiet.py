"""A logger that says nothing: aioquic formats a line or two for every packet."""

from __future__ import annotations

from typing import Any


class Quiet:
    """Takes the place of a `logging.LoggerAdapter`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<Quiet>"

    def debug(self, *args: Any) -> None:
        """Nothing."""

    info = warning = error = debug
