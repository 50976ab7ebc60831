"""One line per request: formats, atoms, and where the lines go."""

from __future__ import annotations

from nonecorn.builtin.access_log.observer import AccessLog, make

__all__ = ["AccessLog", "make"]
