"""WSGI applications (PEP 3333) under nonecorn, and `WSGIMiddleware`, which makes one an ASGI
application anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_wsgi._application import WSGIMiddleware
    from nonecorn_wsgi._input import BodyTooLargeError

__all__ = ["BodyTooLargeError", "WSGIMiddleware"]


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the rest only where WSGI is served.
    if name == "WSGIMiddleware":
        from nonecorn_wsgi._application import WSGIMiddleware  # noqa: PLC0415

        return WSGIMiddleware
    if name == "BodyTooLargeError":
        from nonecorn_wsgi._input import BodyTooLargeError  # noqa: PLC0415

        return BodyTooLargeError
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
