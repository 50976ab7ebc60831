"""The contract between nonecorn's kernel and its plugins, and all of it.

Four nouns carry a request: a **Worker** gives a `Runtime` and, per connection, a `Port`; a
**Transport** makes the sockets; a **Protocol** turns bytes into streams and answers them as an
`Exchange`; a **Stream** turns an exchange into calls of the application. Descriptors
(`plugin.py`) return specs that name these by `Ref`. This package imports the standard library
only, and pluggy when a descriptor asks for `hookimpl`: a worker that is given a Plan imports
neither pluggy nor the rest of the kernel by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nonecorn.spi.application import (
    AppDetector,
    AppLoader,
    AppWrapper,
    ASGIApp,
    Header,
    Headers,
    Message,
    Middleware,
    Receive,
    Scope,
    Send,
)
from nonecorn.spi.clock import TICK, Clock, http_date
from nonecorn.spi.context import Admission, AppContext, Context, Observers
from nonecorn.spi.datagrams import DatagramBatches
from nonecorn.spi.disconnect import follows_disconnect, is_disconnect
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
from nonecorn.spi.observer import Observer, RequestRecord
from nonecorn.spi.protocol import (
    NEVER,
    Exchange,
    Protocol,
    ProtocolFactory,
    ProtocolUpgrade,
    UpgradeRequest,
)
from nonecorn.spi.refs import Ref
from nonecorn.spi.runtime import (
    DatagramPort,
    Endpoint,
    Job,
    Listening,
    Port,
    Runtime,
    Timer,
    Waiter,
    Worker,
)
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
from nonecorn.spi.stream import Stream, StreamFactory
from nonecorn.spi.tls import TLSCertificate, TLSConfig, TLSInfo, TLSSource
from nonecorn.spi.transport import Binder, BindRequest, Bound

if TYPE_CHECKING:
    import pluggy

    hookimpl: pluggy.HookimplMarker

PLUGIN_API: Final = 1
"""Version of this contract. A descriptor states the one it was written for as its own
`PLUGIN_API`."""


def __getattr__(name: str) -> Any:
    # Only descriptors need the marker; workers import this package and must not pay for pluggy.
    if name == "hookimpl":
        import pluggy  # noqa: PLC0415

        marker = globals()["hookimpl"] = pluggy.HookimplMarker("nonecorn")
        return marker
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


__all__ = [
    "NEVER",
    "PLUGIN_API",
    "TICK",
    "ASGIApp",
    "Admission",
    "ApiMismatchError",
    "AppContext",
    "AppDetector",
    "AppLoadError",
    "AppLoader",
    "AppLoaderSpec",
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
    "Context",
    "DatagramBatches",
    "DatagramPort",
    "Endpoint",
    "Exchange",
    "Header",
    "Headers",
    "Job",
    "Kind",
    "LifespanError",
    "Limits",
    "Listening",
    "LocalProtocolError",
    "Message",
    "Middleware",
    "MiddlewareSpec",
    "NonecornError",
    "Observer",
    "ObserverSpec",
    "Observers",
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
    "Receive",
    "Ref",
    "RemoteProtocolError",
    "RequestRecord",
    "Runtime",
    "Scope",
    "Send",
    "SettingInfo",
    "Settings",
    "Spec",
    "StartupError",
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
    "follows_disconnect",
    "hookimpl",
    "http_date",
    "info_of",
    "is_disconnect",
    "setting",
]
