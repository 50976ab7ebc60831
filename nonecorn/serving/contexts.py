"""From a Plan to what a worker's connections share: the references loaded, one `Context` per
kind of listener.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nonecorn.serving.admission import RequestQueue
from nonecorn.spi import AppContext, ASGIApp, Context, Header, Kind, Observers

if TYPE_CHECKING:
    from nonecorn.builtin.tls.server import ServerTLS
    from nonecorn.plan import Plan
    from nonecorn.spi import ProtocolFactory, ProtocolUpgrade, Runtime, Stream, StreamFactory


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiable:
    """What negotiation may choose from, loaded once for all listeners."""

    default: ProtocolFactory
    alpn: Mapping[bytes, ProtocolFactory]
    prefaces: tuple[tuple[bytes, ProtocolFactory], ...]
    protocol_upgrades: Mapping[bytes, ProtocolUpgrade]
    http: StreamFactory
    stream_upgrades: Mapping[bytes, StreamFactory]


def load_negotiable(plan: Plan) -> Negotiable:
    """Load the protocols and streams of a plan."""
    protocols = [spec for spec in plan.protocols if spec.kind is Kind.STREAM]
    factories = {spec.name: spec.factory.load() for spec in protocols}
    default = next(spec for spec in protocols if spec.default)
    return Negotiable(
        default=factories[default.name],
        alpn={alpn: factories[spec.name] for spec in protocols for alpn in spec.alpn},
        prefaces=tuple((spec.preface, factories[spec.name]) for spec in protocols if spec.preface),
        protocol_upgrades={
            spec.upgrade: spec.accept_upgrade.load()
            for spec in protocols
            if spec.upgrade and spec.accept_upgrade is not None
        },
        http=next(spec for spec in plan.streams if not spec.upgrade).factory.load(),
        stream_upgrades={
            spec.upgrade: spec.factory.load() for spec in plan.streams if spec.upgrade
        },
    )


class Contexts:
    """The contexts of one worker: clear and TLS listeners differ in little, and share what
    counts.

    Attributes:
        clear: Of listeners without TLS.
        secure: Of those with it.
        queue: Where requests wait for a place; None where their number has no bound.
    """

    __slots__ = ("clear", "queue", "secure")

    def __init__(
        self,
        plan: Plan,
        negotiable: Negotiable,
        runtime: Runtime,
        app: ASGIApp,
        observers: Observers,
        state: dict[str, Any] | None,
        tls: ServerTLS | None = None,
    ) -> None:
        limits = plan.limits
        running: set[Stream] = set()
        self.queue = (
            RequestQueue(runtime, limits.concurrency, limits.queue_timeout)
            if limits.concurrency
            else None
        )
        shared: dict[str, Any] = {
            "app": app,
            "runtime": runtime,
            "limits": limits,
            "http": negotiable.http,
            "default": negotiable.default,
            "stream_upgrades": negotiable.stream_upgrades,
            "protocol_upgrades": negotiable.protocol_upgrades,
            "alpn": negotiable.alpn,
            "root_path": plan.server.root_path,
            "state": state,
            "headers": common_headers(plan),
            "date_header": plan.server.date_header,
            "settings": plan.settings,
            "observers": observers,
            "running": running,
            "log": logging.getLogger("nonecorn.error"),
            "admission": self.queue,
        }
        self.clear = Context(scheme="http", prefaces=negotiable.prefaces, **shared)
        self.secure = Context(scheme="https", tls=tls, **shared)

    def __repr__(self) -> str:
        return f"<Contexts {self.clear!r} {self.secure!r}>"

    @property
    def running(self) -> set[Stream]:
        """Streams whose application runs."""
        return self.clear.running

    def drain(self) -> None:
        """From now on connections end with their current request."""
        self.clear.draining = self.secure.draining = True


def common_headers(plan: Plan) -> tuple[Header, ...]:
    """Fields of every response."""
    return ((b"server", b"nonecorn"),) if plan.server.server_header else ()


def app_context(plan: Plan) -> AppContext:
    """What application loaders, wrappers, middleware and observers may know."""
    return AppContext(settings=plan.settings, log=logging.getLogger("nonecorn.error"))


def load_tls(plan: Plan) -> ServerTLS | None:
    """Certificates and rules of a plan's TLS listeners; None where no listener has TLS.

    Raises:
        CertificateError: A file cannot be used.
    """
    if not any(listener.tls for listener in plan.listeners):
        return None
    from nonecorn.builtin.tls.server import ServerTLS  # noqa: PLC0415  # imports ssl: only where needed

    offer = [alpn for spec in plan.protocols if spec.kind is Kind.STREAM for alpn in spec.alpn]
    return ServerTLS(plan.server, offer)
