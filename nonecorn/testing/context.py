"""A `nonecorn.spi.Context` for tests: every field has a default, any can be given."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nonecorn.config.schema import ServerSettings
from nonecorn.spi import AppContext, AppLoadError, ASGIApp, Context, Limits, Settings

if TYPE_CHECKING:
    from nonecorn.spi import Port, Protocol, Runtime

HTTP_STREAM = "nonecorn.builtin.http.stream:HTTPStream"
"""What serves plain requests unless a test says otherwise."""


def make_context(
    app: ASGIApp,
    runtime: Runtime | None = None,
    *,
    settings: Mapping[str, Settings] | Iterable[Settings] = (),
    limits: Limits | None = None,
    **overrides: Any,
) -> Context:
    """The context that a worker would make for one listener.

    Args:
        app: An ASGI 3 application.
        runtime: A new `MemoryRuntime` by default.
        settings: Settings objects, by table or in any order. Those of the kernel have their
            defaults.
        limits: `[limits]`; the defaults if not given.
        **overrides: Any other field of `Context`. `http` is the built-in HTTP stream, `date_header`
            is False so that answers can be compared byte by byte, and `default` refuses to make a
            protocol.
    """
    # Not needed where a context is made for something that is no protocol.
    from nonecorn.testing.runtime import MemoryRuntime  # noqa: PLC0415

    tables = make_settings(settings, limits)
    fields: dict[str, Any] = {
        "app": app,
        "runtime": MemoryRuntime() if runtime is None else runtime,
        "limits": tables["limits"],
        "settings": tables,
        "default": _no_protocol,
        "date_header": False,
    }
    if "http" not in overrides:
        module, _, name = HTTP_STREAM.partition(":")
        fields["http"] = getattr(importlib.import_module(module), name)
    return Context(**{**fields, **overrides})


def make_app_context(
    settings: Mapping[str, Settings] | Iterable[Settings] = (),
    *,
    apps: Mapping[str, Any] | None = None,
) -> AppContext:
    """The context that loaders, wrappers, middleware and observers are made with.

    Args:
        settings: Settings objects, by table or in any order.
        apps: ASGI applications that `AppContext.open_app` finds, by import string.
    """
    known: Mapping[str, ASGIApp] = {} if apps is None else apps

    def opener(target: str, interface: str, factory: bool) -> ASGIApp:
        if target not in known:
            message = f"{target!r}: the test gives no such application"
            raise AppLoadError(message)
        return known[target]

    log = logging.getLogger("nonecorn.error")
    return AppContext(settings=make_settings(settings), log=log, opener=opener)


def make_settings(
    settings: Mapping[str, Settings] | Iterable[Settings] = (), limits: Limits | None = None
) -> dict[str, Settings]:
    """Settings objects by table, the kernel's own included."""
    given = settings.values() if isinstance(settings, Mapping) else settings
    tables: dict[str, Settings] = {"": ServerSettings(), "limits": Limits()}
    tables.update((each.table, each) for each in given)
    if limits is not None:
        tables["limits"] = limits
    return tables


def _no_protocol(context: Context, port: Port, /) -> Protocol:
    message = "this context has no default protocol: make_context(app, default=MyProtocol)"
    raise LookupError(message)
