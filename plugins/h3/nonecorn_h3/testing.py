"""QUIC without sockets: aioquic's client and an endpoint under test, joined in memory.

Time is the runtime's `ManualClock`; datagrams go through a `Network`, which may lose, double and
change them, from a seed. A protocol, an engine or a whole transport is driven so without a loop.

    wire = QuicWire(MyProtocol)
    client = wire.connect()
    client.send_stream_data(0, b"hello", end_stream=True)
    wire.pump()
"""

from __future__ import annotations

import datetime as dt
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.tls import Epoch
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from nonecorn.spi import (
    Context,
    Lane,
    Limits,
    QuicPort,
    QuicProtocol,
    TLSCertificate,
    TLSConfig,
)
from nonecorn.testing import DeadlockError, MemoryDatagramPort, MemoryRuntime, make_context
from nonecorn_h3._ecn_client import EcnClient
from nonecorn_h3._settings import H3Settings
from nonecorn_h3.quic import QuicEndpoint, endpoint

if TYPE_CHECKING:
    from nonecorn.spi import DatagramPort, EndpointFactory

SERVER = ("127.0.0.1", 8000)
ROUNDS = 10_000

__all__ = [
    "SERVER",
    "EcnClient",
    "FixedTLS",
    "Network",
    "QuicClient",
    "QuicWire",
    "Recorder",
    "self_signed",
]


@cache
def self_signed(*names: str) -> TLSCertificate:
    """A certificate for these hosts that nobody trusts, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False)
        .sign(key, hashes.SHA256())
    )
    return TLSCertificate(
        file=f"{names[0]}.pem",
        chain=certificate.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        names=names,
    )


@dataclass
class FixedTLS:
    """A `TLSSource`; assign to `config` for what a renewal on disk does."""

    config: TLSConfig


@dataclass
class Network:
    """What happens to datagrams under way.

    Attributes:
        loss: Fraction that is lost, each way.
        doubled: Fraction that arrives twice.
        seed: Of the choice.
        lost: How many were lost so far.
        routers: Given the ECN field of a datagram to a client, returns that with which it arrives;
            None where it does not.
    """

    loss: float = 0.0
    doubled: float = 0.0
    seed: int = 0
    lost: int = 0
    routers: Callable[[int], int | None] = int
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  # which datagrams are lost is no secret

    def carry(self, data: bytes) -> list[bytes]:
        """What arrives of one datagram."""
        if self._random.random() < self.loss:
            self.lost += 1
            return []
        return [data, data] if self._random.random() < self.doubled else [data]


class Recorder:
    """A `QuicProtocol` that keeps what it is told, and takes what it is sent.

    Attributes:
        port: Its connection.
        data: Bytes by stream.
        ended: Streams whose peer has ended its direction.
        calls: Everything else, as tuples, oldest first.
        greedy: What arrives is consumed at once.
        lost: What `connection_lost` was given; a list of one, once it was called.
    """

    def __init__(self, context: Context, port: QuicPort) -> None:
        self.deadline = float("inf")
        self.context = context
        self.port = port
        self.data: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.calls: list[tuple[Any, ...]] = []
        self.greedy = True
        self.lost: list[Exception | None] = []

    def stream_data(self, stream: int, data: bytes, end: bool) -> None:
        """Keep it."""
        self.data[stream] = self.data.get(stream, b"") + data
        if end:
            self.ended.add(stream)
        if self.greedy:
            self.port.consumed(stream, len(data))

    def stream_reset(self, stream: int, code: int) -> None:
        """Keep it."""
        self.calls.append(("reset", stream, code))

    def stream_stopped(self, stream: int, code: int) -> None:
        """Keep it."""
        self.calls.append(("stopped", stream, code))

    def pause_writing(self, stream: int) -> None:
        """Keep it."""
        self.calls.append(("pause", stream))

    def resume_writing(self, stream: int) -> None:
        """Keep it."""
        self.calls.append(("resume", stream))

    def datagram_received(self, data: bytes) -> None:
        """Keep it."""
        self.calls.append(("datagram", data))

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep it."""
        self.lost.append(exc)

    def sweep(self) -> None:
        """Keep it."""
        self.calls.append(("sweep",))

    def shutdown(self) -> None:
        """Close, having nothing to finish."""
        self.port.close()


class QuicClient(EcnClient):
    """aioquic's client, with an address and a memory.

    Attributes:
        address: Where its datagrams come from; assign another to have it migrate.
        seen: Events so far, oldest first.
    """

    def __init__(self, configuration: QuicConfiguration, address: Any, **options: Any) -> None:
        super().__init__(configuration=configuration, **options)
        self.address = address
        self.seen: list[events.QuicEvent] = []

    @property
    def connected(self) -> bool:
        """`connect` was called."""
        return bool(self._network_paths)

    def collect(self) -> None:
        """Move new events to `seen`."""
        while (event := self.next_event()) is not None:
            self.seen.append(event)

    def packet(self, payload: bytes) -> bytes:
        """A 1-RTT packet with any frames, right or wrong."""
        crypto = self._cryptos[Epoch.ONE_RTT]
        number = self._packet_number
        self._packet_number += 1
        head = bytes((0x41 | crypto.key_phase << 2,)) + self._peer_cid.cid
        payload = payload.ljust(4, b"\0")
        return crypto.encrypt_packet(head + (number & 0xFFFF).to_bytes(2, "big"), payload, number)

    def received(self, stream: int) -> bytes:
        """All data of a stream so far."""
        self.collect()
        return b"".join(
            each.data
            for each in self.seen
            if isinstance(each, events.StreamDataReceived) and each.stream_id == stream
        )

    def of_type(self, kind: type[Any]) -> list[Any]:
        """Events of one type."""
        self.collect()
        return [each for each in self.seen if isinstance(each, kind)]

    @property
    def ready(self) -> bool:
        """The handshake is complete."""
        return bool(self.of_type(events.HandshakeCompleted))

    @property
    def terminated(self) -> events.ConnectionTerminated | None:
        """How it ends; None while it does not. The event comes with the end of a closing period."""
        return self._close_event


class QuicWire:
    """An endpoint, and any number of clients.

    Args:
        accept: Makes the protocol of a connection; a `Recorder` by default.
        tls: Certificates; a self-signed one for `localhost` by default.
        make: Makes the endpoint; that of this plugin by default.
        settings: `[h3]`.
        limits: `[limits]`.
        network: What happens to datagrams.
        alpn: Protocols that the endpoint offers.
        latency: Seconds that a turn of `pump` takes, each way.
        lane: As for an endpoint.
        runtime: Whose socket it is.
        **more: Any other field of `Context`.

    Attributes:
        protocols: Those that were made, oldest first.
        port: The endpoint's socket.
        endpoint: The endpoint.
    """

    def __init__(
        self,
        accept: Callable[[Context, QuicPort], QuicProtocol] = Recorder,
        *,
        tls: TLSConfig | None = None,
        make: EndpointFactory = endpoint,
        settings: H3Settings | None = None,
        limits: Limits | None = None,
        network: Network | None = None,
        alpn: tuple[bytes, ...] = (b"h3",),
        latency: float = 0.005,
        lane: Lane | None = None,
        runtime: MemoryRuntime | None = None,
        **more: Any,
    ) -> None:
        self.runtime = MemoryRuntime() if runtime is None else runtime
        self.network = Network() if network is None else network
        self.latency = latency
        if tls is None:
            tls = TLSConfig(certificates=(self_signed("localhost"),))
        self.source = FixedTLS(tls)
        self.protocols: list[Any] = []
        self.clients: dict[Any, QuicClient] = {}
        fields: dict[str, Any] = {
            "settings": [H3Settings() if settings is None else settings],
            "limits": limits,
            "tls": self.source,
            "quic": dict.fromkeys(alpn, accept),
            "scheme": "https",
            **more,
        }
        self.context = make_context(_no_application, self.runtime, **fields)
        lane = Lane() if lane is None else lane

        def serve(port: DatagramPort) -> QuicEndpoint:
            return make(self.context, port, self._accept, lane)  # type: ignore[return-value]

        self.port = MemoryDatagramPort(self.runtime, serve, SERVER)
        self.endpoint: Any = self.port.endpoint
        self._make = accept

    def __repr__(self) -> str:
        return f"<QuicWire clients={len(self.clients)} {self.endpoint!r}>"

    def _accept(self, port: QuicPort) -> QuicProtocol:
        protocol = self._make(self.context, port)
        self.protocols.append(protocol)
        return protocol

    def client(
        self,
        address: Any = None,
        *,
        configuration: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> QuicClient:
        """A client that has not sent anything yet.

        Args:
            address: Where it sends from; a new one by default.
            configuration: Fields of aioquic's `QuicConfiguration`.
            **options: Arguments of aioquic's `QuicConnection`.
        """
        if address is None:
            address = ("127.0.0.1", 50000 + len(self.clients))
        fields: dict[str, Any] = {
            "is_client": True,
            "alpn_protocols": ["h3"],
            "verify_mode": ssl.CERT_NONE,
            "server_name": "localhost",
            "max_datagram_frame_size": 65535,
            **(configuration or {}),
        }
        made = QuicClient(QuicConfiguration(**fields), address, **options)
        self.clients[address] = made
        return made

    def connect(self, address: Any = None, **options: Any) -> QuicClient:
        """A client whose handshake is done, or has failed."""
        client = self.client(address, **options)
        client.connect(SERVER, now=self.runtime.time())
        self.pump()
        return client

    def pump(self, seconds: float = 0.1) -> None:
        """Carry datagrams both ways until nobody has any; and for so many seconds from now on.

        Raises:
            DeadlockError: They talk for ever.
        """
        end = self.runtime.time() + seconds
        for _ in range(ROUNDS):
            if self.turn():
                continue
            now = self.runtime.time()
            due = self._due()
            if due is None or due > end:
                if end > now:
                    self.runtime.advance(end - now)
                    if self.turn():
                        continue
                return
            self.runtime.advance(max(due - now, 0.0001))
            self._fire()
        message = f"{self!r}: not quiet after {ROUNDS} rounds"
        raise DeadlockError(message)

    def send(self, client: QuicClient, *payloads: bytes) -> None:
        """Have a client send packets with these frames, then carry what follows."""
        self.port.receive([client.packet(each) for each in payloads], client.address)
        self.pump()

    def turn(self) -> bool:
        """Carry what both sides have to send now; False if nobody had anything."""
        if self.latency:
            self.runtime.advance(self.latency)
        return self._to_server() | self._to_clients()

    def _to_server(self) -> bool:
        sent = False
        now = self.runtime.time()
        for client in tuple(self.clients.values()):
            for data, _ in client.datagrams_to_send(now) if client.connected else ():
                sent = True
                self.port.receive(self.network.carry(data), client.address)
        self.runtime.run_until_idle()
        return sent

    def _to_clients(self) -> bool:
        now = self.runtime.time()
        taken = self.port.take()
        marks = self.port.marks[len(self.port.marks) - len(taken) :]
        found = {client.address: client for client in self.clients.values()}
        for (data, address), mark in zip(taken, marks, strict=True):
            client = found.get(address)
            field = self.network.routers(mark) if client is not None else None
            if client is not None and field is not None:
                for each in self.network.carry(data):
                    client.field = field
                    client.receive_datagram(each, SERVER, now)
                    client.collect()
        return bool(taken)

    def _due(self) -> float | None:
        timers = [client.get_timer() for client in self.clients.values() if client.connected]
        timers.append(self.runtime.clock.next_timer)
        return min((each for each in timers if each is not None), default=None)

    def _fire(self) -> None:
        now = self.runtime.time()
        for client in self.clients.values():
            due = client.get_timer() if client.connected else None
            if due is not None and due <= now:
                client.handle_timer(now)
                client.collect()


async def _no_application(scope: Any, receive: Any, send: Any) -> None:
    message = "this wire has protocols of its own"
    raise LookupError(message)
