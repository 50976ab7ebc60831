"""Bounds requests at once, with a queue, and the rate of each client.

    from nonecorn_limits import Limits

    app = Limits(app, rate="10/second", burst=20)

The keyword arguments are the options of `[[middleware]] use = "limits"`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_limits._middleware import Limits

__all__ = ["Limits"]


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the class only where it serves.
    if name in __all__:
        return getattr(import_module(f"{__name__}._middleware"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
