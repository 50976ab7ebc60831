"""What a worker's objects share: plain attributes, compiled from the Plan before the first
connection.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from nonecorn.spi.application import AppOpener, ASGIApp, Header
from nonecorn.spi.errors import AppLoadError
from nonecorn.spi.observer import RequestRecord
from nonecorn.spi.quic import Place
from nonecorn.spi.run import Running, current_run
from nonecorn.spi.settings import Limits, Settings

if typing.TYPE_CHECKING:
    import logging

    from nonecorn.spi.protocol import ProtocolFactory, ProtocolUpgrade
    from nonecorn.spi.quic import QuicProtocolFactory
    from nonecorn.spi.runtime import Connection, Runtime
    from nonecorn.spi.stream import Stream, StreamFactory
    from nonecorn.spi.tls import TLSSource

S = TypeVar("S", bound=Settings)


def _error_log() -> logging.Logger:
    from logging import getLogger  # noqa: PLC0415  # help imports this package and logs nothing

    return getLogger("nonecorn.error")


@dataclass(slots=True, kw_only=True, eq=False)
class Observers:
    """Bound methods of the observers, per event; an empty tuple where nobody listens."""

    worker_started: tuple[Callable[[Runtime], None], ...] = ()
    worker_stopping: tuple[Callable[[Runtime], None], ...] = ()
    reopen_logs: tuple[Callable[[Runtime], None], ...] = ()
    connection_opened: tuple[Callable[[Connection], None], ...] = ()
    connection_closed: tuple[Callable[[Connection], None], ...] = ()
    request_started: tuple[Callable[[dict[str, Any]], None], ...] = ()
    request_finished: tuple[Callable[[RequestRecord], None], ...] = ()


class Admission(typing.Protocol):
    """Bounds how many requests of a worker run at once (`limits.concurrency`)."""

    async def enter(self) -> bool:
        """Wait for a place. False: none came free within `limits.queue_timeout`; answer 503."""
        ...

    def leave(self) -> None:
        """Give the place back."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class AppContext:
    """What application loaders, wrappers and middleware may know.

    Attributes:
        settings: Every settings object by table.
        log: `nonecorn.error`.
        run: The worker's run; None until its loop runs, which is after all of these were made.
        opener: What `open_app` asks; None where no application is to be loaded.
    """

    settings: Mapping[str, Settings]
    log: logging.Logger
    run: Running | None = None
    opener: AppOpener | None = None

    def open_app(self, target: str, *, interface: str = "auto", factory: bool = False) -> ASGIApp:
        """Load another application, as the server loads its own, for a middleware that serves it.

        Args:
            target: Import string: `module:attribute`, or whatever else an app loader takes.
            interface: Its interface, as for `--interface`.
            factory: It names a function that makes the application, as with `--factory`.

        Raises:
            AppLoadError: It cannot be loaded, or has no interface that is installed.
        """
        if self.opener is None:
            message = f"{target!r} cannot be loaded: there is no server yet"
            raise AppLoadError(message)
        return self.opener(target, interface, factory)

    @property
    def runtime(self) -> Runtime:
        """The worker's loop, from the lifespan's start-up on.

        Raises:
            NonecornError: No worker runs yet.
        """
        return (self.run or current_run()).runtime

    @property
    def draining(self) -> bool:
        """The server is going to end (see `Running`); on the loop's thread."""
        return (self.run or current_run()).draining

    def settings_of(self, kind: type[S]) -> S:
        """The settings object of a plugin's table."""
        return typing.cast("S", self.settings[kind.table])


@dataclass(slots=True, kw_only=True, eq=False)
class Context:
    """What every connection of one listener shares within one worker.

    Attributes:
        app: The application, wrapped.
        runtime: The running loop.
        limits: `[limits]`.
        http: Serves plain requests (scope type `http`).
        stream_upgrades: Stream by `Upgrade` token or extended CONNECT `:protocol`, in lower
            case.
        protocol_upgrades: Protocol by `Upgrade` token, in lower case.
        alpn: Protocol by ALPN id; in preference order.
        quic: Protocol of a QUIC connection by ALPN id; in preference order.
        default: Protocol where nothing was negotiated.
        prefaces: Protocols that a clear connection's first bytes select (RFC 9113 section 3.4).
        scheme: `http` or `https`.
        tls: Certificates and rules of a TLS or QUIC listener; None for a clear one.
        root_path: ASGI root_path.
        state: The lifespan's state, copied into each scope; None where lifespan is not
            supported.
        headers: Fields added to every response, such as `server` and `alt-svc`; those the
            application sets itself win.
        date_header: Add `date`.
        settings: Every settings object by table.
        observers: Who listens to what.
        running: Streams whose `run` runs; shared by all listeners of the worker.
        cache: What plugins compute once per listener, by a key of their own (their class).
        admission: Bounds requests at once; None where there is no bound.
        place: Where the worker stands among those of its server.
        draining: The worker is shutting down: connections do not outlive their current request.
        log: `nonecorn.error`.
    """

    app: ASGIApp
    runtime: Runtime
    limits: Limits
    http: StreamFactory
    default: ProtocolFactory
    stream_upgrades: Mapping[bytes, StreamFactory] = field(default_factory=dict)
    protocol_upgrades: Mapping[bytes, ProtocolUpgrade] = field(default_factory=dict)
    alpn: Mapping[bytes, ProtocolFactory] = field(default_factory=dict)
    quic: Mapping[bytes, QuicProtocolFactory] = field(default_factory=dict)
    prefaces: tuple[tuple[bytes, ProtocolFactory], ...] = ()
    scheme: str = "http"
    tls: TLSSource | None = None
    root_path: str = ""
    state: dict[str, Any] | None = None
    headers: tuple[Header, ...] = ()
    date_header: bool = True
    settings: Mapping[str, Settings] = field(default_factory=dict)
    observers: Observers = field(default_factory=Observers)
    running: set[Stream] = field(default_factory=set)
    cache: dict[Any, Any] = field(default_factory=dict)
    admission: Admission | None = None
    place: Place = field(default_factory=Place)
    draining: bool = False
    log: logging.Logger = field(default_factory=_error_log)

    def settings_of(self, kind: type[S]) -> S:
        """The settings object of a plugin's table; its defaults where the table was never built."""
        found = self.settings.get(kind.table)
        return typing.cast("S", found) if found is not None else kind()

    def __repr__(self) -> str:
        state = "draining" if self.draining else "serving"
        return f"<Context {self.scheme} {state} running={len(self.running)}>"
