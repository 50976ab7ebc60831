"""HTTP/1.1 connection rules shared by every HTTP/1.1 engine.

An engine is a subclass of `Http1Connection` with one method, `field_parser`, that makes its parser
of field lines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_http1._connection import Http1Connection
    from nonecorn_http1._reader import ParseFields

__all__ = ["Http1Connection", "ParseFields"]

_HOMES = {"Http1Connection": "_connection", "ParseFields": "_reader"}


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the engine only where it serves.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
