"""aioquic as a client of WebTransport: sessions on the connection of `tests.h3.clients_aioquic`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aioquic.h3.connection import FrameType, H3Connection
from aioquic.h3.events import WebTransportStreamDataReceived

from nonecorn_h3.capsules import CapsuleReader, encode_capsule
from tests.h3.clients_aioquic import Client, Fields, Response

CLOSE = 0x2843
DRAIN = 0x78AE
FIRST_CODE = 0x52E4A40FA8DB
REFUSED = 0x3994BD84
GONE = 0x170D7B68


class SessionClient(Client):
    """One connection.

    Attributes:
        data: What came on each stream of a session.
        ended: Those whose ends have come, in order.
    """

    def __init__(self, address: Any, authority: Path, **more: Any) -> None:
        super().__init__(address, authority, http=False, **more)
        self.http = H3Connection(self.quic, enable_webtransport=True)
        self.data: dict[int, bytearray] = {}
        self.ended: list[int] = []

    def session(self, path: bytes = b"/echo", *more: tuple[bytes, bytes]) -> Session:
        """Open one, and wait for the answer."""
        fields: Fields = [
            (b":method", b"CONNECT"),
            (b":protocol", b"webtransport"),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", path),
            *more,
        ]
        session = Session(self, self.open(fields, end=False))
        self.wait(lambda: session.response.fields is not None or session.response.done)
        return session

    def _heard(self, event: object) -> None:
        if isinstance(event, WebTransportStreamDataReceived):
            self.data.setdefault(event.stream_id, bytearray()).extend(event.data)
            if event.stream_ended:
                self.ended.append(event.stream_id)
        else:
            super()._heard(event)


class Session:
    """One session.

    Attributes:
        id: Number of its CONNECT stream.
        response: What that got.
    """

    def __init__(self, client: SessionClient, stream: int) -> None:
        self._client = client
        self.id = stream
        self.response: Response = client[stream]

    def open(self, data: bytes = b"", *, uni: bool = False, end: bool = False) -> int:
        """A stream, with its first bytes."""
        http = self._client.http
        assert http is not None
        stream = http.create_webtransport_stream(self.id, is_unidirectional=uni)
        if not uni:
            # aioquic looks for a head in the answer, too; there is none on a stream of its own.
            with http._get_or_create_stream(stream) as known:
                known.frame_type, known.session_id = FrameType.WEBTRANSPORT_STREAM, self.id
        self.write(stream, data, end=end)
        return stream

    def write(self, stream: int, data: bytes, *, end: bool = False) -> None:
        self._client.quic.send_stream_data(stream, data, end)
        self._client.flush()

    def all(self, stream: int) -> bytes:
        """Wait for the end of a stream; what came on it."""
        self._client.wait(lambda: stream in self._client.ended)
        return bytes(self._client.data[stream])

    def datagram(self, data: bytes) -> None:
        assert self._client.http is not None
        self._client.http.send_datagram(self.id, data)
        self._client.flush()

    def next_datagram(self) -> bytes:
        """Wait for one."""
        self._client.wait(lambda: self.response.datagrams)
        return self.response.datagrams.pop(0)

    def close(self, code: int = 0, reason: bytes = b"") -> None:
        """Close, and wait until the server has, too."""
        value = code.to_bytes(4, "big") + reason
        self._client.send(self.id, encode_capsule(CLOSE, value), end=True)
        self._client.wait(lambda: self.response.done)

    @property
    def capsules(self) -> list[tuple[int, bytes]]:
        """What the server has said on the CONNECT stream."""
        return CapsuleReader(2000, frozenset((CLOSE, DRAIN))).receive(bytes(self.response.data))
