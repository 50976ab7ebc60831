"""Serves static files.

    from nonecorn_static import StaticFiles

    app = StaticFiles(app, directory="public", prefix="/static")

The keyword arguments are the options of `[[middleware]] use = "static"`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_static._middleware import StaticFiles

__all__ = ["StaticFiles"]


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the class only where it serves.
    if name in __all__:
        return getattr(import_module(f"{__name__}._middleware"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
