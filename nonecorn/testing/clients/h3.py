"""HTTP/3 of aioquic as the client of a `MemoryQuicPort`: without packets, with all of its rules.

client = H3Client(lambda port: MyProtocol(context, port), runtime)
response = client.get("/")
client.pump()
assert response.status == 200
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived, PushPromiseReceived
from aioquic.quic.events import DatagramFrameReceived, StreamDataReceived

from nonecorn.spi import Headers
from nonecorn.testing.quic import MemoryQuicPort
from nonecorn.testing.split import Splitter, whole

if TYPE_CHECKING:
    from nonecorn.spi import QuicPort, QuicProtocol
    from nonecorn.testing.runtime import MemoryRuntime


class H3Response:
    """What one stream got.

    Attributes:
        stream: Its number.
        interim: Interim responses: status and other fields.
        status: Status of the final response.
        headers: Its fields.
        body: Its body so far.
        trailers: Its trailer section.
        complete: It has come to its end.
    """

    def __init__(self, stream: int) -> None:
        self.stream = stream
        self.interim: list[tuple[int, Headers]] = []
        self.status: int | None = None
        self.headers: Headers = []
        self.body = b""
        self.trailers: Headers | None = None
        self.complete = False

    def __repr__(self) -> str:
        return f"<H3Response {self.stream} {self.status} body={len(self.body)}>"


class H3Client:
    """A connection between a protocol under test and aioquic's HTTP/3.

    Args:
        factory: Makes the protocol for its port.
        runtime: Whose port it is.
        split: Cuts what either side sends.
        webtransport: Announce it.
        **options: Those of `MemoryQuicPort`.

    Attributes:
        port: The server's port.
        http: aioquic's connection.
        responses: By stream.
        promised: Request fields and response of each push, by push ID.
        others: aioquic's events about neither, such as those of WebTransport, oldest first.
        error: Code and reason with which aioquic has closed the connection.
    """

    def __init__(
        self,
        factory: Callable[[QuicPort], QuicProtocol],
        runtime: MemoryRuntime,
        *,
        split: Splitter = whole,
        webtransport: bool = False,
        **options: Any,
    ) -> None:
        self.runtime = runtime
        self.port = MemoryQuicPort(runtime, **options)
        self.port.serve(factory)
        self.responses: dict[int, H3Response] = {}
        self.promised: dict[int, tuple[Headers, H3Response]] = {}
        self.others: list[H3Event] = []
        self.error: tuple[int, str] | None = None
        self._split = split
        self._queues: dict[int, deque[tuple[bytes, bool]]] = {}
        self._seen_end: set[int] = set()
        self._next = {False: 0, True: 2}
        self._datagrams = 0
        # The part of a QuicConnection that H3Connection uses.
        self.configuration = SimpleNamespace(is_client=True)
        self._quic_logger = None
        self._remote_max_datagram_frame_size = self.port.max_datagram
        self.http = H3Connection(self, enable_webtransport=webtransport)  # type: ignore[arg-type]
        self.pump()

    def __repr__(self) -> str:
        return f"<H3Client {self.port!r} error={self.error}>"

    # Requests -------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
        *,
        trailers: Iterable[tuple[str, str]] = (),
        end: bool = True,
    ) -> H3Response:
        """Queue a request; `headers` may replace pseudo-header fields."""
        pseudo = {":method": method, ":scheme": "https", ":authority": "test", ":path": target}
        regular = []
        for name, value in headers:
            if name.startswith(":"):
                pseudo[name] = value
            else:
                regular.append((name, value))
        stream = self.get_next_available_stream_id()
        response = self.responses[stream] = H3Response(stream)
        closing = list(trailers)
        last = end and not closing
        self.http.send_headers(
            stream, _encoded([*pseudo.items(), *regular]), end_stream=last and body is None
        )
        if body is not None:
            self.http.send_data(stream, body, end_stream=last)
        if closing:
            self.http.send_headers(stream, _encoded(closing), end_stream=end)
        return response

    def get(self, target: str, /, headers: Iterable[tuple[str, str]] = ()) -> H3Response:
        """Queue a GET."""
        return self.request("GET", target, headers)

    def post(self, target: str, body: bytes, /) -> H3Response:
        """Queue a POST with this body."""
        length = ("content-length", str(len(body)))
        return self.request("POST", target, [length], body)

    def send(self, response: H3Response, data: bytes, *, end: bool = False) -> None:
        """Queue more of a request's body."""
        self.http.send_data(response.stream, data, end_stream=end)

    def pump(self) -> None:
        """Carry bytes both ways until neither side has any; the client obeys its credit."""
        self.runtime.run_until_idle()
        while not self.port.closed and (self._carry_to_server() | self._carry_to_client()):
            self.runtime.run_until_idle()

    # aioquic.quic.connection.QuicConnection -------------------------------------------------------

    def get_next_available_stream_id(
        self,
        is_unidirectional: bool = False,  # noqa: FBT002  # as aioquic has it
    ) -> int:
        """The next stream of the client's."""
        stream = self._next[is_unidirectional]
        self._next[is_unidirectional] += 4
        return stream

    def send_stream_data(
        self,
        stream_id: int,
        data: bytes,
        end_stream: bool = False,  # noqa: FBT002  # as aioquic has it
    ) -> None:
        """Queue bytes."""
        if data or end_stream:
            self._queues.setdefault(stream_id, deque()).append((data, end_stream))

    def send_datagram_frame(self, data: bytes) -> None:
        """Send a datagram."""
        self.port.peer_datagram(data)

    def reset_stream(self, stream_id: int, error_code: int) -> None:
        """Reset our direction."""
        self._queues.pop(stream_id, None)
        self.port.peer_reset(stream_id, error_code)

    def stop_stream(self, stream_id: int, error_code: int) -> None:
        """Ask the server to stop."""
        self.port.peer_stop(stream_id, error_code)

    def close(
        self, error_code: int = 0, frame_type: int | None = None, reason_phrase: str = ""
    ) -> None:
        """The server is wrong, says aioquic."""
        self.error = (error_code, reason_phrase)
        self.port.lose()

    # ----------------------------------------------------------------------------------------------

    def _carry_to_server(self) -> bool:
        moved = False
        for stream, queue in tuple(self._queues.items()):
            while queue and not self.port.closed:
                state = self.port.streams.get(stream)
                if state is not None and state.stopped is not None:
                    queue.clear()
                    self.port.peer_reset(stream, state.stopped)
                    break
                data, end = queue[0]
                room = self.port.credit(stream)
                if data and not room:
                    break
                queue.popleft()
                if len(data) > room:
                    queue.appendleft((data[room:], end))
                    data, end = data[:room], False
                pieces = list(self._split(data)) or [b""]
                for piece in pieces[:-1]:
                    self._give(stream, piece, end=False)
                self._give(stream, pieces[-1], end=end)
                moved = True
        return moved

    def _give(self, stream: int, data: bytes, *, end: bool) -> None:
        state = self.port.streams.get(stream)
        if not self.port.closed and (state is None or state.stopped is None):
            self.port.receive(stream, data, end=end)
            self.runtime.run_until_idle()

    def _carry_to_client(self) -> bool:
        moved = False
        for stream in tuple(self.port.streams):
            if stream & 3 == 2:
                continue
            data = self.port.take(stream)
            end = self.port.ended(stream) and stream not in self._seen_end
            if not data and not end:
                continue
            moved = True
            pieces = list(self._split(data)) or [b""]
            for number, piece in enumerate(pieces, 1):
                last = end and number == len(pieces)
                self._take(StreamDataReceived(data=piece, end_stream=last, stream_id=stream))
            if end:
                self._seen_end.add(stream)
        for data in self.port.datagrams[self._datagrams :]:
            moved = True
            self._take(DatagramFrameReceived(data=data))
        self._datagrams = len(self.port.datagrams)
        return moved

    def _take(self, event: Any) -> None:
        for found in self.http.handle_event(event):
            if isinstance(found, PushPromiseReceived):
                self.promised[found.push_id] = (found.headers, H3Response(-1))
                continue
            if not isinstance(found, HeadersReceived | DataReceived):
                self.others.append(found)
                continue
            if found.push_id is not None:
                response = self.promised[found.push_id][1]
            else:
                response = self.responses[found.stream_id]
            if isinstance(found, DataReceived):
                response.body += found.data
            else:
                _take_headers(response, found.headers)
            response.complete = found.stream_ended


def _take_headers(response: H3Response, fields: Headers) -> None:
    status = dict(fields).get(b":status")
    if status is None:
        response.trailers = fields
    elif status.startswith(b"1"):
        response.interim.append((int(status), fields[1:]))
    else:
        response.status = int(status)
        response.headers = fields[1:]


def _encoded(pairs: Iterable[tuple[str, str]]) -> Headers:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
