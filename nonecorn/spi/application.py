"""The application side: ASGI's types, and what brings an application into their shape."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

if typing.TYPE_CHECKING:
    from nonecorn.spi.context import AppContext

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Header: TypeAlias = tuple[bytes, bytes]
Headers: TypeAlias = list[Header]


class AppWrapper(typing.Protocol):
    """Turns one kind of application into an ASGI 3 callable. Called once per worker, before
    start-up.
    """

    def __call__(self, app: Any, context: AppContext, /) -> ASGIApp:
        """Return the ASGI callable that serves `app`.

        Raises:
            AppLoadError: The application does not have this interface after all.
        """
        ...


class AppDetector(typing.Protocol):
    """Says whether an application has a wrapper's interface. Must not call the application."""

    def __call__(self, app: Any, /) -> bool:
        """True where the application has the interface."""
        ...


class AppLoader(typing.Protocol):
    """Finds the application behind the command's APP argument. Called in each worker."""

    def __call__(self, target: str, context: AppContext, /) -> Any:
        """Return the application, or None where the target is not of this loader's form.

        Raises:
            AppLoadError: The target has this loader's form and cannot be loaded.
        """
        ...


class Middleware(typing.Protocol):
    """Wraps an ASGI application. Called once per worker and configured entry, innermost first."""

    def __call__(self, app: ASGIApp, options: dict[str, Any], context: AppContext, /) -> ASGIApp:
        """Return the wrapping application.

        Args:
            app: What to wrap.
            options: The entry's own keys in `[[middleware]]`, without `use`.
            context: The worker's facts.

        Raises:
            ConfigError: An option is unknown or has an unusable value.
        """
        ...


class MiddlewareCheck(typing.Protocol):
    """Looks at the options of a middleware. Called in the supervisor, for each configured entry."""

    def __call__(self, options: dict[str, Any], context: AppContext, /) -> object:
        """Return anything.

        Must not import an application, nor keep anything open.

        Args:
            options: As `Middleware` gets them.
            context: Settings; there is no run yet, and no application can be opened.

        Raises:
            ConfigError: Every problem, one line each, as `Middleware` would raise it.
        """
        ...


class AppOpener(typing.Protocol):
    """Loads an application by its import string. See `AppContext.open_app`."""

    def __call__(self, target: str, interface: str, factory: bool, /) -> ASGIApp:
        """Return it in ASGI 3's shape."""
        ...
