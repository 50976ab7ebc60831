"""nonecorn: a plugin-based server for ASGI and WSGI applications.

    import nonecorn

    nonecorn.run("package.module:app", bind="127.0.0.1:8000")

`run` blocks; `await serve(app)` serves on the caller's event loop. Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn._version import __version__

if TYPE_CHECKING:
    from nonecorn.serving import run, serve

__all__ = ["__version__", "run", "serve"]


def __getattr__(name: str) -> Any:
    if name in ("run", "serve"):
        from nonecorn import serving  # noqa: PLC0415

        return getattr(serving, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
