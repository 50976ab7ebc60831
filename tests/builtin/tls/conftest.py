"""Certificates, and a foreign TLS client that is joined to the layer in memory."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from nonecorn.builtin.tls.layer import TLSLayer
from nonecorn.builtin.tls.server import ServerTLS
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import NEVER, Context, Limits, Port
from nonecorn.testing.context import make_context
from nonecorn.testing.port import MemoryPort
from nonecorn.testing.runtime import MemoryRuntime

HOST = "server.example"


class Recorder:
    """A protocol that writes down what happens to it, and does what a test tells it to."""

    def __init__(self, context: Context, port: Port, name: str = "default") -> None:
        self.name = name
        self.port = port
        self.deadline = NEVER
        self.data = b""
        self.pieces = 0
        self.events: list[Any] = []
        self.half_close = True
        self.on_data: Callable[[bytes], None] | None = None

    def data_received(self, data: bytes) -> None:
        assert data
        self.data += data
        self.pieces += 1
        if self.on_data is not None:
            self.on_data(data)

    def eof_received(self) -> bool:
        self.events.append("eof")
        return self.half_close

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append(("lost", exc))

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def sweep(self) -> None:
        self.events.append("sweep")

    def shutdown(self) -> None:
        self.events.append("shutdown")


class Client:
    """OpenSSL as a client, between two memory buffers, opposite a `TLSLayer`."""

    def __init__(
        self,
        context: ssl.SSLContext,
        tls: ServerTLS,
        limits: Limits | None = None,
        *,
        host: str | None = HOST,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_hostname=host, session=session
        )
        self.runtime = MemoryRuntime()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise AssertionError

        def named(name: str) -> Callable[[Context, Port], Recorder]:
            return lambda context, port: Recorder(context, port, name)

        self.context = make_context(
            app,
            self.runtime,
            limits=limits or Limits(),
            http=None,
            default=named("default"),
            alpn={b"h2": named("h2"), b"http/1.1": named("http/1.1")},
        )
        self.layer: TLSLayer

        def factory(port: MemoryPort) -> TLSLayer:
            self.layer = TLSLayer(port, self.context, tls)
            return self.layer

        self.port = self.runtime.connect(factory)
        self.data = b""
        self.ended = False

    @property
    def server(self) -> Recorder:
        """The protocol behind the layer."""
        inner = self.layer.inner
        assert isinstance(inner, Recorder)
        return inner

    def to_wire(self) -> bytes:
        """What the client wants to send."""
        return self.outgoing.read()

    def send(self, data: bytes) -> None:
        """Encrypt, and carry both ways."""
        self.tls.write(data)
        self.pump()

    def pump(self, cut: Callable[[bytes], Iterator[bytes]] | None = None) -> None:
        """Carry bytes both ways until neither side has any."""
        quiet = False
        while not quiet:
            quiet = True
            if data := self.to_wire():
                quiet = False
                for piece in cut(data) if cut else (data,):
                    self.port.receive(piece)
            self.runtime.run_until_idle()
            if data := self.port.take():
                quiet = False
                self.incoming.write(data)
                self.read()

    def read(self) -> None:
        try:
            while not self.ended:
                chunk = self.tls.read(65536)
                self.data += chunk
                self.ended = not chunk
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True

    def handshake(self, cut: Callable[[bytes], Iterator[bytes]] | None = None) -> None:
        """Shake hands with the layer."""
        for _ in range(6):
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.pump(cut)
            else:
                self.pump(cut)
                return
        raise AssertionError("no end of the handshake")

    def close_notify(self) -> None:
        """End the client's direction."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.pump()


class Certificates:
    """Files of one CA, a server's and a client's certificate."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = trustme.CA()
        self.server = self.ca.issue_cert(HOST)
        self.user = self.ca.issue_cert("user@client.example", common_name='Doe, "Jo"')
        self.certfile = self._write("server.pem", *self.server.cert_chain_pems)
        self.keyfile = self._write("server.key", self.server.private_key_pem)
        self.combined = self._write(
            "combined.pem", self.server.private_key_pem, *self.server.cert_chain_pems
        )
        self.ca_certs = self._write("ca.pem", self.ca.cert_pem)

    def _write(self, name: str, *blobs: trustme.Blob) -> str:
        path = self.directory / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return str(path)

    def write_pair(self, name: str, *hosts: str) -> str:
        """Write NAME.pem and NAME.key for these hosts; the path up to the dot."""
        leaf = self.ca.issue_cert(*hosts)
        self._write(f"{name}.pem", *leaf.cert_chain_pems)
        self._write(f"{name}.key", leaf.private_key_pem)
        return str(self.directory / name)

    def settings(self, **changes: Any) -> ServerSettings:
        return ServerSettings(**{"certfile": self.certfile, "keyfile": self.keyfile, **changes})

    def client_context(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def connect(
        self,
        *alpn: str,
        client: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        **settings: Any,
    ) -> Client:
        """A connection whose handshake has not begun."""
        tls = ServerTLS(self.settings(**settings), [b"h2", b"http/1.1"])
        return Client(client or self.client_context(*alpn), tls, limits)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
