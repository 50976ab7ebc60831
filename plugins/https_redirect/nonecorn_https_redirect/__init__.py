"""Sends clients that come without TLS to the address with it, and tells them to stay there.

    from nonecorn_https_redirect import HTTPSRedirect

    app = HTTPSRedirect(app, hosts=["shop.example"])

The keyword arguments are the options of `[[middleware]] use = "https_redirect"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_https_redirect._middleware import HTTPSRedirect

__all__ = ["HTTPSRedirect"]


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the middleware only where it serves.
    if name == "HTTPSRedirect":
        from nonecorn_https_redirect._middleware import HTTPSRedirect  # noqa: PLC0415

        return HTTPSRedirect
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
