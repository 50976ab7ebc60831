"""From the APP argument to the ASGI callable that a worker serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn.spi import AppLoadError

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.spi import AppContext, ASGIApp


def load_application(plan: Plan, context: AppContext) -> Any:
    """The application object that the plan's target names.

    Raises:
        AppLoadError: There is no target, or none of the loaders can load it.
    """
    target = plan.server.app
    if not target:
        message = "no application given: name it as module:attribute"
        raise AppLoadError(message)
    for spec in plan.app_loaders:
        app = spec.load.load()(target, context)
        if app is not None:
            return app
    message = f"{target!r} is no application: write module:attribute or path/to/file.py:attribute"
    raise AppLoadError(message)


def wrap_application(plan: Plan, context: AppContext, app: Any) -> ASGIApp:
    """Bring an application into ASGI 3's shape, and put the configured middleware around it.

    Raises:
        AppLoadError: No installed interface fits.
        ConfigError: A middleware's options are unusable.
    """
    interface = plan.server.interface
    for spec in plan.app_wrappers:
        if interface == spec.name or (interface == "auto" and spec.detect.load()(app)):
            wrapped = spec.wrap.load()(app, context)
            break
    else:
        names = ", ".join(spec.name for spec in plan.app_wrappers)
        message = (
            f"{plan.server.app or app!r} has none of the installed application interfaces "
            f"({names}): a WSGI application needs nonecorn[wsgi], and --interface decides where "
            "detection errs"
        )
        raise AppLoadError(message)
    for layer in reversed(plan.middleware):
        wrapped = layer.spec.middleware.load()(wrapped, dict(layer.options), context)
    return wrapped
