"""The dispatcher as a configured middleware: its mounts name applications, which it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn.spi import AppLoadError, ConfigError
from nonecorn_dispatcher._dispatcher import Dispatcher
from nonecorn_dispatcher._mount import Mount
from nonecorn_dispatcher._options import MountOptions, read_mounts

if TYPE_CHECKING:
    from nonecorn.spi import AppContext, ASGIApp


def make(app: ASGIApp, options: dict[str, Any], context: AppContext) -> Dispatcher:
    """See `nonecorn.spi.Middleware`.

    Raises:
        ConfigError: The options cannot be used.
        AppLoadError: An application cannot be loaded; says where it is mounted.
    """
    loaded: dict[tuple[str, str, bool], ASGIApp] = {}
    mounts = []
    for mount in _read(options, context):
        key = mount.app, mount.interface, mount.factory
        if key not in loaded:
            loaded[key] = _load(mount, context)
        mounts.append(Mount(loaded[key], path=mount.path, host=mount.host, lifespan=mount.lifespan))
    # The server's own mode is meant for the server's own application.
    return Dispatcher(mounts, default=app, lifespan=_mode(context))


def check(options: dict[str, Any], context: AppContext) -> None:
    """See `nonecorn.spi.MiddlewareCheck`."""
    _read(options, context)


def _read(options: dict[str, Any], context: AppContext) -> list[MountOptions]:
    mounts = read_mounts(options)
    if _mode(context) == "off":  # then a server calls nobody's
        problems = [
            f'middleware dispatcher: {mount.place}: lifespan = "on" cannot be: '
            "the server's own setting lifespan is off, for all applications"
            for mount in mounts
            if mount.lifespan == "on"
        ]
        if problems:
            raise ConfigError(problems)
    return mounts


def _mode(context: AppContext) -> str:
    mode: str = getattr(context.settings.get(""), "lifespan", "auto")
    return mode


def _load(mount: MountOptions, context: AppContext) -> ASGIApp:
    try:
        return context.open_app(mount.app, interface=mount.interface, factory=mount.factory)
    except AppLoadError as error:
        message = f"{mount.place}: {error}"
        raise AppLoadError(message) from error.__cause__
