"""A session between aioquic's HTTP/3 and the plugin, in memory: shared by the tests beside."""

from __future__ import annotations

from typing import Any

from aioquic.h3.connection import FrameType
from aioquic.h3.events import DatagramReceived, WebTransportStreamDataReceived

from nonecorn.spi import Limits, Observers, RequestRecord
from nonecorn.testing import Gate, MemoryRuntime, make_context
from nonecorn.testing.clients.h3 import H3Client
from nonecorn.testing.clients.h3_frames import data, integer
from nonecorn_h3._http._connection import H3Connection
from nonecorn_h3._settings import H3Settings
from nonecorn_h3.capsules import CapsuleReader, encode_capsule
from nonecorn_webtransport import WebTransportSession, WebTransportSettings

ACCEPT = {"type": "webtransport.accept"}
CLOSE_CAPSULE = 0x2843
DRAIN_CAPSULE = 0x78AE
GONE = 0x170D7B68
REFUSED = 0x3994BD84
FIRST_CODE = 0x52E4A40FA8DB


class Opened:
    """A connection with a session.

    Attributes:
        client: aioquic's side.
        port: The server's.
        connect: Response to the CONNECT.
        received: What the application of `keep` has received.
        gate: What that application waits at where it is `held`.
        records: What the observers were told.
    """

    def __init__(
        self,
        app: Any = None,
        *,
        limits: Limits | None = None,
        headers: Any = (),
        connect: bool = True,
        h3: H3Settings | None = None,
        eager: bool = False,
        held: str = "",
        webtransport: bool = True,
        port: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.runtime = MemoryRuntime(eager=eager)
        self.received: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        self.records: list[RequestRecord] = []
        self.scopes: list[dict[str, Any]] = []
        self.sends: list[Any] = []
        self.gate = Gate()
        self.held = held
        self.context = make_context(
            app or self.keep,
            self.runtime,
            settings=[WebTransportSettings(**settings), h3 or H3Settings()],
            limits=limits or Limits(keep_alive_timeout=0),
            scheme="https",
            stream_upgrades={b"webtransport": WebTransportSession},
            observers=Observers(
                request_started=(self.started.append,),
                request_finished=(self.records.append,),
            ),
            **(context or {}),
        )
        self.client = H3Client(
            lambda port: H3Connection(self.context, port),
            self.runtime,
            webtransport=webtransport,
            **(port or {}),
        )
        self.port = self.client.port
        if connect:
            self.connect = self.ask(headers)

    def ask(self, headers: Any = (), path: str = "/wt"):
        """Another CONNECT."""
        fields = [(":protocol", "webtransport"), *headers]
        response = self.client.request("CONNECT", path, fields, end=False)
        self.client.pump()
        return response

    # The application ------------------------------------------------------------------------------

    async def keep(self, scope, receive, send) -> None:
        """Accept, and receive until the end; what is sent `do` sends."""
        self.scopes.append(scope)
        assert (await receive())["type"] == "webtransport.connect"
        if self.held == "accept":
            await self.gate.wait()
        await send(ACCEPT)
        self.sends.append(send)
        if self.held == "receive":
            await self.gate.wait()
        while not self.received or self.received[-1]["type"] != "webtransport.disconnect":
            self.received.append(await receive())

    def do(self, kind: str, *, wait: bool = True, **fields: Any) -> list[BaseException | None]:
        """Have the application send a message in a task of its own.

        Returns:
            Empty while it waits; then what it raised, or None.
        """
        outcome: list[BaseException | None] = []

        async def send() -> None:
            try:
                await self.sends[-1]({"type": f"webtransport.{kind}", **fields})
            except Exception as error:
                outcome.append(error)
            else:
                outcome.append(None)

        self.runtime.spawn(send)
        self.client.pump()
        if wait:
            assert outcome == [None], outcome
        return outcome

    def release(self) -> None:
        """Open the gate."""
        self.gate.open()
        self.client.pump()

    def kinds(self) -> list[str]:
        """Types of what was received, without what all have in common."""
        return [each["type"].removeprefix("webtransport.") for each in self.received]

    def last(self) -> dict[str, Any]:
        return self.received[-1]

    # The client -----------------------------------------------------------------------------------

    @property
    def id(self) -> int:
        """Of the session."""
        return self.connect.stream

    def open(self, content: bytes = b"", *, uni: bool = False, end: bool = False) -> int:
        """A stream of the client's."""
        http = self.client.http
        stream = http.create_webtransport_stream(self.id, is_unidirectional=uni)
        if not uni:
            # aioquic looks for a head in the answer, too; there is none on a stream of its own.
            with http._get_or_create_stream(stream) as known:
                known.frame_type, known.session_id = FrameType.WEBTRANSPORT_STREAM, self.id
        self.write(stream, content, end=end)
        return stream

    def write(self, stream: int, content: bytes, *, end: bool = False) -> None:
        self.client.send_stream_data(stream, content, end)
        self.client.pump()

    def datagram(self, content: bytes) -> None:
        self.client.http.send_datagram(self.id, content)
        self.client.pump()

    def capsule(self, kind: int, value: bytes = b"", *, end: bool = False) -> None:
        self.raw(encode_capsule(kind, value), end=end)

    def raw(self, content: bytes, *, end: bool = False) -> None:
        """Bytes of the CONNECT stream."""
        self.client.send(self.connect, content, end=end)
        self.client.pump()

    def got(self, stream: int) -> bytes:
        """What came on a stream."""
        return b"".join(
            each.data
            for each in self.client.others
            if isinstance(each, WebTransportStreamDataReceived) and each.stream_id == stream
        )

    def ended(self, stream: int) -> bool:
        return self.port.ended(stream)

    @property
    def datagrams(self) -> list[bytes]:
        return [each.data for each in self.client.others if isinstance(each, DatagramReceived)]

    @property
    def capsules(self) -> list[tuple[int, bytes]]:
        """What the server's side of the CONNECT stream says."""
        reader = CapsuleReader(2000, frozenset((CLOSE_CAPSULE, DRAIN_CAPSULE, 0x17)))
        return reader.receive(self.connect.body)

    def state(self, stream: int):
        return self.port.streams[stream]

    def ours(self) -> list[int]:
        """Streams that the application has opened."""
        kinds = [integer(0x41) + integer(self.id), integer(0x54) + integer(self.id)]
        return [each for each in self.port.opened if self.port.sent(each)[:3] in kinds]


__all__ = ["ACCEPT", "CLOSE_CAPSULE", "DRAIN_CAPSULE", "FIRST_CODE", "GONE", "REFUSED", "Opened",
           "data"]  # fmt: skip
