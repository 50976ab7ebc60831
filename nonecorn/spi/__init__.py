"""The contract between nonecorn's kernel and its plugins, and all of it.

Four nouns carry a request: a **Worker** gives a `Runtime` and, per connection, a `Port`; a
**Transport** makes the sockets; a **Protocol** turns bytes into streams and answers them as an
`Exchange`; a **Stream** turns an exchange into calls of the application. Descriptors
(`plugin.py`) return specs that name these by `Ref`. This package imports the standard library
only, and pluggy when a descriptor asks for `hookimpl`: a worker that is given a Plan imports
neither pluggy nor the rest of the kernel by it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from nonecorn.spi.application import (
    AppDetector,
    AppLoader,
    AppOpener,
    AppWrapper,
    ASGIApp,
    Header,
    Headers,
    Message,
    Middleware,
    MiddlewareCheck,
    Receive,
    Scope,
    Send,
)
from nonecorn.spi.errors import (
    ApiMismatchError,
    AppLoadError,
    BadSpecError,
    BindError,
    CertificateError,
    ClientDisconnectedError,
    ConfigError,
    LifespanError,
    LocalProtocolError,
    NonecornError,
    PluginConflictError,
    PluginError,
    PluginLoadError,
    PluginNotFoundError,
    ProtocolError,
    RemoteProtocolError,
    StartupError,
)
from nonecorn.spi.refs import Ref
from nonecorn.spi.settings import Limits, SettingInfo, Settings, Unit, info_of, setting
from nonecorn.spi.specs import (
    AppLoaderSpec,
    AppWrapperSpec,
    CommandSpec,
    Kind,
    MiddlewareSpec,
    ObserverSpec,
    ProtocolSpec,
    Spec,
    StreamSpec,
    TransportSpec,
    WorkerSpec,
)

if TYPE_CHECKING:
    import pluggy

    from nonecorn.spi.clock import TICK, Clock, http_date
    from nonecorn.spi.coding import choose_coding
    from nonecorn.spi.context import Admission, AppContext, Context, Observers
    from nonecorn.spi.datagrams import Datagram, DatagramBatches
    from nonecorn.spi.disconnect import follows_disconnect, is_disconnect
    from nonecorn.spi.observer import (
        RECORD,
        UNLOGGED,
        Observer,
        RequestRecord,
        recorded_scope,
        report_refusal,
    )
    from nonecorn.spi.options import read_options
    from nonecorn.spi.protocol import (
        NEVER,
        Exchange,
        Protocol,
        ProtocolFactory,
        ProtocolUpgrade,
        UpgradeRequest,
    )
    from nonecorn.spi.quic import (
        Endpoint,
        EndpointFactory,
        Lane,
        Place,
        QuicPort,
        QuicProtocol,
        QuicProtocolFactory,
        Steer,
    )
    from nonecorn.spi.run import Running, current_run, running
    from nonecorn.spi.runtime import (
        Connection,
        DatagramPort,
        Job,
        Lifetime,
        Listening,
        Port,
        Runtime,
        Timer,
        Waiter,
        Worker,
    )
    from nonecorn.spi.scope import build_scope
    from nonecorn.spi.server import Server
    from nonecorn.spi.stream import Stream, StreamFactory
    from nonecorn.spi.tls import TLSCertificate, TLSConfig, TLSInfo, TLSSource
    from nonecorn.spi.transport import Binder, BindRequest, Bound

    hookimpl: pluggy.HookimplMarker

PLUGIN_API: Final = 1
"""Version of this contract. A descriptor states the one it was written for as its own
`PLUGIN_API`."""

_LATER = {
    "clock": ("TICK", "Clock", "http_date"),
    "coding": ("choose_coding",),
    "context": ("Admission", "AppContext", "Context", "Observers"),
    "datagrams": ("Datagram", "DatagramBatches"),
    "disconnect": ("follows_disconnect", "is_disconnect"),
    "observer": (
        "RECORD",
        "UNLOGGED",
        "Observer",
        "RequestRecord",
        "recorded_scope",
        "report_refusal",
    ),
    "options": ("read_options",),
    "protocol": (
        "NEVER",
        "Exchange",
        "Protocol",
        "ProtocolFactory",
        "ProtocolUpgrade",
        "UpgradeRequest",
    ),
    "quic": (
        "Endpoint",
        "EndpointFactory",
        "Lane",
        "Place",
        "QuicPort",
        "QuicProtocol",
        "QuicProtocolFactory",
        "Steer",
    ),
    "run": ("Running", "current_run", "running"),
    "runtime": (
        "Connection",
        "DatagramPort",
        "Job",
        "Lifetime",
        "Listening",
        "Port",
        "Runtime",
        "Timer",
        "Waiter",
        "Worker",
    ),
    "scope": ("build_scope",),
    "server": ("Server",),
    "stream": ("Stream", "StreamFactory"),
    "tls": ("TLSCertificate", "TLSConfig", "TLSInfo", "TLSSource"),
    "transport": ("Binder", "BindRequest", "Bound"),
}
"""What descriptors do not need: they are read for every `--help`."""
_WHERE = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "hookimpl":
        # Only descriptors need the marker; workers import this package and must not pay for pluggy.
        import pluggy  # noqa: PLC0415

        found: Any = pluggy.HookimplMarker("nonecorn")
    elif name in _WHERE:
        found = getattr(importlib.import_module(f"nonecorn.spi.{_WHERE[name]}"), name)
    else:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "NEVER",
    "PLUGIN_API",
    "RECORD",
    "TICK",
    "UNLOGGED",
    "ASGIApp",
    "Admission",
    "ApiMismatchError",
    "AppContext",
    "AppDetector",
    "AppLoadError",
    "AppLoader",
    "AppLoaderSpec",
    "AppOpener",
    "AppWrapper",
    "AppWrapperSpec",
    "BadSpecError",
    "BindError",
    "BindRequest",
    "Binder",
    "Bound",
    "CertificateError",
    "ClientDisconnectedError",
    "Clock",
    "CommandSpec",
    "ConfigError",
    "Connection",
    "Context",
    "Datagram",
    "DatagramBatches",
    "DatagramPort",
    "Endpoint",
    "EndpointFactory",
    "Exchange",
    "Header",
    "Headers",
    "Job",
    "Kind",
    "Lane",
    "LifespanError",
    "Lifetime",
    "Limits",
    "Listening",
    "LocalProtocolError",
    "Message",
    "Middleware",
    "MiddlewareCheck",
    "MiddlewareSpec",
    "NonecornError",
    "Observer",
    "ObserverSpec",
    "Observers",
    "Place",
    "PluginConflictError",
    "PluginError",
    "PluginLoadError",
    "PluginNotFoundError",
    "Port",
    "Protocol",
    "ProtocolError",
    "ProtocolFactory",
    "ProtocolSpec",
    "ProtocolUpgrade",
    "QuicPort",
    "QuicProtocol",
    "QuicProtocolFactory",
    "Receive",
    "Ref",
    "RemoteProtocolError",
    "RequestRecord",
    "Running",
    "Runtime",
    "Scope",
    "Send",
    "Server",
    "SettingInfo",
    "Settings",
    "Spec",
    "StartupError",
    "Steer",
    "Stream",
    "StreamFactory",
    "StreamSpec",
    "TLSCertificate",
    "TLSConfig",
    "TLSInfo",
    "TLSSource",
    "Timer",
    "TransportSpec",
    "Unit",
    "UpgradeRequest",
    "Waiter",
    "Worker",
    "WorkerSpec",
    "build_scope",
    "choose_coding",
    "current_run",
    "follows_disconnect",
    "hookimpl",
    "http_date",
    "info_of",
    "is_disconnect",
    "read_options",
    "recorded_scope",
    "report_refusal",
    "running",
    "setting",
]
