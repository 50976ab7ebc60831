"""From the APP argument to the ASGI callable that a worker serves."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from nonecorn.serving.no_application import no_application
from nonecorn.spi import AppContext, AppLoadError

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.spi import ASGIApp


def load_application(plan: Plan, context: AppContext) -> Any:
    """The application object that the plan's target names, or what serves in its place.

    Raises:
        AppLoadError: There is no target, or none of the loaders can load it.
    """
    target = plan.server.app
    if target:
        return _load(plan, target, context)
    if plan.standalone:
        return no_application
    message = "no application given: name it as module:attribute"
    raise AppLoadError(message)


def open_application(
    plan: Plan,
    target: str,
    interface: str,
    factory: bool,  # as in the contract
) -> ASGIApp:
    """See `nonecorn.spi.AppContext.open_app`."""
    server = replace(plan.server, factory=factory)
    context = AppContext(
        settings={**plan.settings, "": server},
        log=logging.getLogger("nonecorn.error"),
        opener=partial(open_application, plan),
    )
    return _wrapped(plan, context, _load(plan, target, context), interface, target)


def wrap_application(plan: Plan, context: AppContext, app: Any) -> ASGIApp:
    """Bring an application into ASGI 3's shape, and put the configured middleware around it.

    Raises:
        AppLoadError: No installed interface fits.
        ConfigError: A middleware's options are unusable.
    """
    if app is not no_application:
        app = _wrapped(plan, context, app, plan.server.interface, plan.server.app or repr(app))
    return wrap_middleware(plan, context, app)


def _load(plan: Plan, target: str, context: AppContext) -> Any:
    for spec in plan.app_loaders:
        app = spec.load.load()(target, context)
        if app is not None:
            return app
    message = f"{target!r} is no application: write module:attribute or path/to/file.py:attribute"
    raise AppLoadError(message)


def _wrapped(plan: Plan, context: AppContext, app: Any, interface: str, target: str) -> ASGIApp:
    names = ", ".join(spec.name for spec in plan.app_wrappers)
    if interface not in ("auto", *(spec.name for spec in plan.app_wrappers)):
        message = f"{target}: there is no interface {interface!r}: installed: auto, {names}"
        raise AppLoadError(message)
    for spec in plan.app_wrappers:
        if interface == spec.name or (interface == "auto" and spec.detect.load()(app)):
            return spec.wrap.load()(app, context)
    message = (
        f"{target} has none of the installed application interfaces "
        f"({names}): a WSGI application needs nonecorn[wsgi], and --interface decides where "
        "detection errs"
    )
    raise AppLoadError(message)


def wrap_middleware(plan: Plan, context: AppContext, app: ASGIApp) -> ASGIApp:
    """Put the configured middleware around an ASGI 3 application.

    Raises:
        ConfigError: A middleware's options are unusable.
    """
    for layer in reversed(plan.middleware):
        app = layer.spec.middleware.load()(app, dict(layer.options), context)
    return app
