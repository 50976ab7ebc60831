"""Compresses responses.

    from nonecorn_compress import Compress

    app = Compress(app, minimum_size="2KiB")

The keyword arguments are the options of `[[middleware]] use = "compress"`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_compress._middleware import Compress

__all__ = ["Compress"]


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the class only where it serves.
    if name in __all__:
        return getattr(import_module(f"{__name__}._middleware"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
