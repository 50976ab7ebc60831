"""The client's address, scheme and host, as proxies report them that are trusted.

    from nonecorn_proxy_fix import ProxyFix

    app = ProxyFix(app, trusted=["10.0.0.0/8"])

The keyword arguments are the options of `[[middleware]] use = "proxy_fix"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_proxy_fix._middleware import ProxyFix

__all__ = ["ProxyFix"]


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the middleware only where it serves.
    if name == "ProxyFix":
        from nonecorn_proxy_fix._middleware import ProxyFix  # noqa: PLC0415

        return ProxyFix
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
