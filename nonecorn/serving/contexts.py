"""From a Plan to what a worker's connections share: the references loaded, one `Context` per
kind of listener.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nonecorn.serving.admission import RequestQueue
from nonecorn.serving.application import open_application
from nonecorn.spi import AppContext, ASGIApp, Context, Header, Kind, Observers, Place

if TYPE_CHECKING:
    from nonecorn.builtin.tls.credentials import TLSAdjuster
    from nonecorn.builtin.tls.server import ServerTLS
    from nonecorn.plan import Plan
    from nonecorn.serving.bindings import Bindings
    from nonecorn.spi import (
        ProtocolFactory,
        ProtocolUpgrade,
        QuicProtocolFactory,
        Runtime,
        Stream,
        StreamFactory,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiable:
    """What negotiation may choose from, loaded once for all listeners."""

    default: ProtocolFactory
    alpn: Mapping[bytes, ProtocolFactory]
    quic: Mapping[bytes, QuicProtocolFactory]
    prefaces: tuple[tuple[bytes, ProtocolFactory], ...]
    protocol_upgrades: Mapping[bytes, ProtocolUpgrade]
    http: StreamFactory
    stream_upgrades: Mapping[bytes, StreamFactory]


def load_negotiable(plan: Plan) -> Negotiable:
    """Load the protocols and streams of a plan."""
    protocols = [spec for spec in plan.protocols if spec.kind is Kind.STREAM]
    factories: dict[str, ProtocolFactory] = {spec.name: spec.factory.load() for spec in protocols}
    datagrams = [spec for spec in plan.protocols if spec.kind is Kind.DATAGRAM]
    default = next(spec for spec in protocols if spec.default)
    return Negotiable(
        default=factories[default.name],
        alpn={alpn: factories[spec.name] for spec in protocols for alpn in spec.alpn},
        quic={alpn: spec.factory.load() for spec in datagrams for alpn in spec.alpn},
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
        place: Place | None = None,
        alt_svc: bytes = b"",
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
            "quic": negotiable.quic,
            "root_path": plan.server.root_path,
            "state": state,
            "date_header": plan.server.date_header,
            "settings": plan.settings,
            "observers": observers,
            "running": running,
            "log": logging.getLogger("nonecorn.error"),
            "admission": self.queue,
            "place": Place() if place is None else place,
        }
        headers = common_headers(plan)
        self.clear = Context(scheme="http", prefaces=negotiable.prefaces, headers=headers, **shared)
        if alt_svc:
            headers += ((b"alt-svc", alt_svc),)
        self.secure = Context(scheme="https", tls=tls, headers=headers, **shared)

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


def alternatives(plan: Plan, bindings: Bindings) -> bytes:
    """What `Alt-Svc` says of the QUIC listeners (RFC 7838 section 3); empty for nothing."""
    wanted = plan.server.alt_svc
    if wanted != "auto":
        return b"" if wanted == "off" else wanted.encode("latin-1")
    ids = [alpn for spec in plan.protocols if spec.kind is Kind.DATAGRAM for alpn in spec.alpn]
    found = [
        b'%b=":%d"; ma=86400' % (alpn, binding.bound.sock.getsockname()[1])
        for binding in bindings.serving
        if binding.datagrams
        for alpn in ids
    ]
    return b", ".join(dict.fromkeys(found))


def app_context(plan: Plan) -> AppContext:
    """What application loaders, wrappers, middleware and observers may know."""
    return AppContext(
        settings=plan.settings,
        log=logging.getLogger("nonecorn.error"),
        opener=partial(open_application, plan),
    )


def load_tls(plan: Plan, adjust: TLSAdjuster | None = None) -> ServerTLS | None:
    """Certificates and rules of a plan's TLS listeners; None where no listener has TLS.

    Args:
        plan: What to serve.
        adjust: Has the last word on each context.

    Raises:
        CertificateError: A file cannot be used.
    """
    if not any(listener.tls for listener in plan.listeners):
        return None
    from nonecorn.builtin.tls.server import ServerTLS  # noqa: PLC0415  # imports ssl: only where needed

    offer = [alpn for spec in plan.protocols if spec.kind is Kind.STREAM for alpn in spec.alpn]
    return ServerTLS(plan.server, offer, adjust)
