"""aioquic as a client: blocking, with a deadline for every wait, and a hand on everything.

aioquic's engines are driven over a UDP socket of our own, so that a test can move the connection to
another port, lose datagrams, update keys, send 0-RTT data, or say on a stream what HTTP/3 forbids.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aioquic.buffer import Buffer, BufferReadError
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import (
    DatagramReceived,
    DataReceived,
    HeadersReceived,
    PushPromiseReceived,
)
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    PingAcknowledged,
    StopSendingReceived,
    StreamDataReceived,
    StreamReset,
)
from aioquic.tls import SessionTicket

PATIENCE = 20.0
"""Seconds that a test waits for what must come."""
GOAWAY = 7
_OLD_SOCKETS = 4
"""From so many ports that the connection has left we still receive."""

Fields = list[tuple[bytes, bytes]]


def request(path: bytes = b"/", *more: tuple[bytes, bytes], method: bytes = b"GET") -> Fields:
    """Fields of a request."""
    return [
        (b":method", method),
        (b":scheme", b"https"),
        (b":authority", b"localhost"),
        (b":path", path),
        *more,
    ]


@dataclass(slots=True)
class Response:
    """What one stream got.

    Attributes:
        interim: Fields of each 1xx response.
        fields: Of the final response; None until it has come.
        data: Body so far.
        trailers: Trailer section; None without one.
        ended: The server has ended its direction.
        reset: Code of its RESET_STREAM.
        stopped: Code of its STOP_SENDING.
        datagrams: HTTP datagrams (RFC 9297).
    """

    interim: list[Fields] = field(default_factory=list)
    fields: Fields | None = None
    data: bytearray = field(default_factory=bytearray)
    trailers: Fields | None = None
    ended: bool = False
    reset: int | None = None
    stopped: int | None = None
    datagrams: list[bytes] = field(default_factory=list)

    @property
    def status(self) -> int | None:
        return None if self.fields is None else int(dict(self.fields)[b":status"])

    @property
    def done(self) -> bool:
        return self.ended or self.reset is not None

    def values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.fields or () if found == name]


class Http(H3Connection):
    """aioquic's, but that a response to HEAD may have a Content-Length (RFC 9110 section 9.3.2).

    Attributes:
        bodiless: Streams of such requests.
    """

    def __init__(self, quic: QuicConnection) -> None:
        super().__init__(quic)
        self.bodiless: set[int] = set()

    def _check_content_length(self, stream: Any) -> None:
        if stream.stream_id not in self.bodiless:
            super()._check_content_length(stream)


class Client:
    """One connection; a context manager that connects, and closes.

    Args:
        address: Of the server.
        authority: PEM file of those who may have signed its certificate.
        ticket: A session to resume; its 0-RTT is used where it has any.
        token: An address token of an earlier connection (NEW_TOKEN).
        patience: Seconds for each wait.
        http: Speak HTTP/3; without, streams are raw.
        lose: Told of each datagram, outbound or not; True: it is lost.
        configuration: Further fields of aioquic's `QuicConfiguration`.

    Attributes:
        quic: aioquic's connection.
        http: aioquic's HTTP/3 connection.
        streams: What each stream got.
        raw: Bytes of each stream that the server opened, as they are.
        closed: aioquic's event, once the connection has gone.
        early: The server accepted 0-RTT data.
        resumed: The session was resumed.
        tickets: Session tickets received.
        tokens: Address tokens received.
        pushed: Request fields of pushed responses, by push ID.
        acknowledged: IDs of pings that were acknowledged.
        received: Datagrams received so far.
        forgotten: The server has sent a stateless reset (RFC 9000 section 10.3), of which aioquic
            takes no notice.
    """

    def __init__(
        self,
        address: tuple[str, int],
        authority: Path,
        *,
        ticket: SessionTicket | None = None,
        token: bytes = b"",
        patience: float = PATIENCE,
        http: bool = True,
        lose: Callable[[bool], bool] | None = None,
        **configuration: Any,
    ) -> None:
        options: dict[str, Any] = {
            "alpn_protocols": ["h3"],
            "server_name": "localhost",
            "max_datagram_frame_size": 65536,
            "idle_timeout": 60.0,
            "session_ticket": ticket,
            "token": token,
            **configuration,
        }
        settings = QuicConfiguration(is_client=True, **options)
        settings.load_verify_locations(cafile=str(authority))
        self.patience = patience
        self.tickets: list[SessionTicket] = []
        self.tokens: list[bytes] = []
        self.streams: dict[int, Response] = {}
        self.raw: dict[int, bytearray] = {}
        self.pushed: dict[int, Fields] = {}
        self.acknowledged: set[int] = set()
        self.closed: ConnectionTerminated | None = None
        self.early = self.resumed = self.shaken = self.forgotten = False
        self.received = 0
        self.quic = QuicConnection(
            configuration=settings,
            session_ticket_handler=self.tickets.append,
            token_handler=self.tokens.append,
        )
        self.http: Http | None = Http(self.quic) if http else None
        self._peer = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0][4]
        self._lose = lose
        self._sock = self._socket()
        self._old: list[socket.socket] = []

    def __repr__(self) -> str:
        return f"<Client closed={self.closed} streams={self.streams}>"

    # Life -----------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait(lambda: self.shaken)
        except BaseException:
            self.drop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self.close()
        self.drop()

    def start(self) -> None:
        """Say hello, with whatever was written so far as 0-RTT data where a session allows it."""
        self.quic.connect(self._peer, now=time.monotonic())
        self.flush()

    def close(self) -> None:
        """Say goodbye."""
        if self.closed is None:
            self.quic.close(error_code=0x100)
            self.flush()

    def drop(self) -> None:
        """Vanish without a word."""
        for sock in (self._sock, *self._old):
            sock.close()

    def rebind(self) -> None:
        """Go on from another port, as behind a NAT that has forgotten us."""
        self._old.append(self._sock)
        self._sock = self._socket()
        for sock in self._old[:-_OLD_SOCKETS]:
            sock.close()
        del self._old[:-_OLD_SOCKETS]

    def migrate(self) -> None:
        """Go on from another port and with another connection ID, as RFC 9000 section 9.5 asks."""
        self.rebind()
        self.quic.change_connection_id()

    # HTTP -----------------------------------------------------------------------------------------

    @property
    def settings(self) -> dict[int, int] | None:
        """The server's, once they have come."""
        assert self.http is not None
        return self.http.received_settings

    @property
    def goaways(self) -> list[int]:
        """What each GOAWAY of the server said."""
        for data in self.raw.values():
            if data[:1] == b"\x00":
                return [value for kind, value in _control_frames(data) if kind == GOAWAY]
        return []

    def open(self, fields: Fields, *, end: bool = True) -> int:
        """Begin a request; its stream."""
        assert self.http is not None
        stream = self.quic.get_next_available_stream_id()
        self.streams[stream] = Response()
        if dict(fields)[b":method"] == b"HEAD":
            self.http.bodiless.add(stream)
        self.http.send_headers(stream, fields, end_stream=end)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send body."""
        assert self.http is not None
        self.http.send_data(stream, data, end)
        self.flush()

    def trail(self, stream: int, fields: Fields) -> None:
        """Send a trailer section, and end."""
        assert self.http is not None
        self.http.send_headers(stream, fields, end_stream=True)
        self.flush()

    def __getitem__(self, stream: int) -> Response:
        return self.streams[stream]

    def ask(self, fields: Fields, body: bytes = b"") -> Response:
        """A whole request, and its response."""
        stream = self.open(fields, end=not body)
        if body:
            self.send(stream, body, end=True)
        return self.answer(stream)

    def answer(self, stream: int) -> Response:
        """Wait for the end of a response."""
        response = self.streams[stream]
        self.wait(lambda: response.done)
        return response

    def answers(self, streams: list[int]) -> list[Response]:
        """Wait for the end of several."""
        found = [self.streams[stream] for stream in streams]
        self.wait(lambda: all(each.done for each in found))
        return found

    def ping(self) -> None:
        """Wait until the server has answered to a packet: it has seen all before."""
        number = 1 + len(self.acknowledged)
        self.quic.send_ping(number)
        self.flush()
        self.wait(lambda: number in self.acknowledged)

    # Datagrams in and out -------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what is to be sent."""
        for data, _ in self.quic.datagrams_to_send(now=time.monotonic()):
            if self._lose is None or not self._lose(True):
                self._sock.sendto(data, self._peer)

    def wait(self, condition: Callable[[], object], patience: float | None = None) -> None:
        """Run the connection until `condition` holds.

        Raises:
            TimeoutError: It does not in time.
            ConnectionError: The connection has gone first.
        """
        until = time.monotonic() + (patience or self.patience)
        while not condition():
            if self.closed is not None or self.forgotten:
                raise ConnectionError(f"closed meanwhile: {self.closed or 'stateless reset'}")
            if time.monotonic() > until:
                raise TimeoutError(f"waited in vain: {self!r}")
            self.step(until)

    def wait_closed(self, patience: float | None = None) -> ConnectionTerminated:
        """Wait until the server has closed the connection; how."""
        with contextlib.suppress(ConnectionError):
            self.wait(lambda: self.closed is not None, patience)
        assert self.closed is not None
        return self.closed

    def step(self, until: float) -> None:
        """Wait for datagrams, or for the timer, and do what is due."""
        due = self.quic.get_timer()
        now = time.monotonic()
        left = max(0.0, min(until, due if due is not None else until) - now)
        readable, _, _ = select.select([self._sock, *self._old], [], [], left)
        for sock in readable:
            for _ in range(64):
                try:
                    found = self._receive(sock)
                except BlockingIOError:
                    break
                except ConnectionRefusedError:
                    continue  # ICMP: nobody there; QUIC does not believe it
                if found is None or (self._lose is not None and self._lose(False)):
                    continue
                data, peer = found
                self.received += 1
                self.forgotten |= data[-16:] in self._reset_tokens()
                self.quic.receive_datagram(data, peer, now=time.monotonic())
        if due is not None and time.monotonic() >= due:
            self.quic.handle_timer(now=max(due, time.monotonic()))
        self._look()
        self.flush()

    def _receive(self, sock: socket.socket) -> tuple[bytes, Any] | None:
        """A datagram, and where it came from; None for one that the network has lost."""
        return sock.recvfrom(65536)

    def _reset_tokens(self) -> set[bytes]:
        known = [self.quic._peer_cid, *self.quic._peer_cid_available]
        return {each.stateless_reset_token for each in known} - {None, b""}

    def _look(self) -> None:
        # aioquic tells of it only when it has forgotten the connection, three timeouts later.
        self.closed = self.quic._close_event
        while (event := self.quic.next_event()) is not None:
            match event:
                case HandshakeCompleted():
                    self.shaken = True
                    self.early = event.early_data_accepted
                    self.resumed = event.session_resumed
                case PingAcknowledged():
                    self.acknowledged.add(event.uid)
                case StreamReset():
                    self.streams.setdefault(event.stream_id, Response()).reset = event.error_code
                case StopSendingReceived():
                    self.streams.setdefault(event.stream_id, Response()).stopped = event.error_code
                case StreamDataReceived() if event.stream_id % 2 or self.http is None:
                    self.raw.setdefault(event.stream_id, bytearray()).extend(event.data)
                case _:
                    pass
            if self.http is not None:
                for found in self.http.handle_event(event):
                    self._heard(found)

    def _heard(self, event: object) -> None:
        match event:
            case HeadersReceived():
                response = self.streams.setdefault(event.stream_id, Response())
                if response.fields is not None:
                    response.trailers = event.headers
                elif dict(event.headers)[b":status"].startswith(b"1"):
                    response.interim.append(event.headers)
                else:
                    response.fields = event.headers
                response.ended |= event.stream_ended
            case DataReceived():
                response = self.streams.setdefault(event.stream_id, Response())
                response.data += event.data
                response.ended |= event.stream_ended
            case DatagramReceived():
                self.streams.setdefault(event.stream_id, Response()).datagrams.append(event.data)
            case PushPromiseReceived():
                self.pushed[event.push_id] = event.headers

    def _socket(self) -> socket.socket:
        family = socket.AF_INET6 if len(self._peer) == 4 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        sock.setblocking(False)
        return sock


def _control_frames(data: bytes | bytearray) -> list[tuple[int, int]]:
    """Type and first integer of each whole frame of a control stream."""
    buffer = Buffer(data=bytes(data[1:]))
    found = []
    with contextlib.suppress(BufferReadError):
        while not buffer.eof():
            kind, size = buffer.pull_uint_var(), buffer.pull_uint_var()
            payload = Buffer(data=buffer.pull_bytes(size))
            found.append((kind, payload.pull_uint_var() if size else 0))
    return found
