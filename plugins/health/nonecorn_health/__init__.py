"""Answers health checks beside the application.

    from nonecorn_health import Health

    app = Health(app, check=database_answers, check_timeout="1s")

The keyword arguments are the options of `[[middleware]] use = "health"`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_health._middleware import Health

__all__ = ["Health"]


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the class only where it serves.
    if name in __all__:
        return getattr(import_module(f"{__name__}._middleware"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
