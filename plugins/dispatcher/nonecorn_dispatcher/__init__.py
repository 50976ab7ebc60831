"""Several applications in one server, by path prefix and host.

    from nonecorn_dispatcher import Dispatcher, Mount

    app = Dispatcher({"/api": api, "/admin": admin}, default=site)
    app = Dispatcher([Mount(api, path="/api"), Mount(shop, host="shop.example")])

does in code what `[[middleware]] use = "dispatcher"` does in a configuration.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_dispatcher._dispatcher import Dispatcher
    from nonecorn_dispatcher._mount import Mount

__all__ = ["Dispatcher", "Mount"]

_HOMES = {"Dispatcher": "_dispatcher", "Mount": "_mount"}


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the rest only where it serves.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
