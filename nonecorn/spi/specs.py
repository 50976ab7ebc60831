"""What descriptors return: frozen, picklable descriptions with references instead of objects."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nonecorn.spi.application import (
    AppDetector,
    AppLoader,
    AppWrapper,
    Middleware,
    MiddlewareCheck,
)
from nonecorn.spi.refs import Ref

if TYPE_CHECKING:
    from nonecorn.spi.protocol import ProtocolUpgrade
    from nonecorn.spi.quic import EndpointFactory, Steer
    from nonecorn.spi.stream import StreamFactory
    from nonecorn.spi.transport import Binder


class Kind(enum.Enum):
    """What a transport carries and a protocol runs over."""

    STREAM = "stream"
    """An ordered byte stream: TCP, unix sockets, TLS over either."""

    DATAGRAM = "datagram"
    """Datagrams: UDP, for QUIC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """A runtime for `--worker`.

    Attributes:
        name: `asyncio`, `uvloop`, `trio`.
        worker: Factory; called with every settings object by table.
        running: Function without arguments: is the caller inside a loop of this kind? Asked by
            `nonecorn.serve()`, and only where `library` is imported already.
        library: Module whose absence from `sys.modules` answers `running` with no.
        priority: Among installed workers the highest is the default.
    """

    name: str
    worker: Ref[Any]
    running: Ref[Any] | None = None
    library: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSpec:
    """A form of bind address.

    Attributes:
        name: `tcp`, `unix`, `fd`, `quic`.
        kind: What its sockets carry.
        prefix: Start of the bind strings it takes (`unix:`); empty for the one that takes the rest.
        bind: Turns a bind string into sockets, in the supervisor.
        option: Which bind option it serves: `bind` (and `insecure_bind`) or `quic_bind`.
        endpoint: What serves its sockets in a worker; for datagrams only, and there needed.
        steer: Has the kernel spread datagrams over the sockets of several workers; for datagrams
            only.
        priority: Among those that take the same addresses: the highest is taken, `--plugin`
            decides otherwise, and two of equal priority are a conflict.
    """

    name: str
    bind: Ref[Binder]
    kind: Kind = Kind.STREAM
    prefix: str = ""
    option: str = "bind"
    endpoint: Ref[EndpointFactory] | None = None
    steer: Ref[Steer] | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSpec:
    """A wire protocol.

    Several plugins may serve one protocol (`h11` and `httptools` both serve `http/1.1`): the
    highest priority is taken, `--plugin` decides otherwise, and two of equal priority are a
    conflict.

    Attributes:
        name: The plugin's name.
        serves: The protocol: `http/1.1`, `h2`, `h3`.
        factory: Makes the engine of one connection: a `ProtocolFactory`, or over datagrams a
            `QuicProtocolFactory`.
        kind: What it runs over.
        alpn: ALPN ids (RFC 7301) that select it.
        preface: First bytes of a clear connection that select it; empty for none.
        upgrade: `Upgrade` token that selects it; empty for none.
        accept_upgrade: Answers that token.
        default: Serves clear connections where nothing selects another.
        on_by_default: Served when installed; otherwise opted in with `--plugin`.
        priority: Among those that serve the same protocol.
        alpn_preference: Order of ALPN ids in our offer, highest first.
    """

    name: str
    serves: str
    factory: Ref[Any]
    kind: Kind = Kind.STREAM
    alpn: tuple[bytes, ...] = ()
    preface: bytes = b""
    upgrade: bytes = b""
    accept_upgrade: Ref[ProtocolUpgrade] | None = None
    default: bool = False
    on_by_default: bool = True
    priority: int = 0
    alpn_preference: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """A translator to the application interface.

    Attributes:
        name: `http`, `websocket`, `webtransport`.
        factory: Makes the stream of one request.
        upgrade: `Upgrade` token and extended CONNECT `:protocol` (RFC 8441, 9220) that select
            it; empty for plain requests.
        on_by_default: Served when installed.
        priority: Among those that claim the same token.
    """

    name: str
    factory: Ref[StreamFactory]
    upgrade: bytes = b""
    on_by_default: bool = True
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLoaderSpec:
    """A form of the APP argument. Asked in order of priority, highest first."""

    name: str
    load: Ref[AppLoader]
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppWrapperSpec:
    """An application interface for `--interface`.

    Attributes:
        name: `asgi3`, `asgi2`, `wsgi`.
        wrap: Turns such an application into an ASGI 3 callable.
        detect: Does an application have this interface? Asked in order of priority, highest
            first, for `auto`.
        priority: See `detect`.
    """

    name: str
    wrap: Ref[AppWrapper]
    detect: Ref[AppDetector]
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MiddlewareSpec:
    """A named layer around the application; used only where `[[middleware]]` or `--middleware`
    names it.

    Attributes:
        name: The plugin's name.
        middleware: Makes the layer, in each worker.
        help: One sentence.
        check: Looks at an entry's options before anything is bound, and at `config check`; without
            it a mistake shows in the worker.
        standalone: It has answers of its own, so that a server with it needs no application: where
            none is configured, what it passes on is answered 404.
        paths: Options that are paths: relative ones in a file are relative to that file.
    """

    name: str
    middleware: Ref[Middleware]
    help: str = ""
    check: Ref[MiddlewareCheck] | None = None
    standalone: bool = False
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverSpec:
    """An observer, built in each worker: the reference is called with the worker's `AppContext`.

    It may return None where its settings say that there is nothing to observe.
    """

    name: str
    observer: Ref[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A sub-command: `command` refers to a `click.Command`, imported when it is called."""

    name: str
    help: str
    command: Ref[Any]


Spec = (
    WorkerSpec
    | TransportSpec
    | ProtocolSpec
    | StreamSpec
    | AppLoaderSpec
    | AppWrapperSpec
    | MiddlewareSpec
    | ObserverSpec
    | CommandSpec
)
