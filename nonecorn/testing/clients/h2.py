"""h2 as the client of a `WirePair`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from nonecorn.spi import Headers

_PREFIX = 9
_GOAWAY = 7


@dataclass(slots=True, kw_only=True)
class H2Response:
    """What came back for one request; it fills as the pair is pumped.

    Attributes:
        stream_id: Its number; 0 until it was sent.
        status: Status code, None until the head came.
        headers: Without pseudo-header fields.
        body: Body so far.
        pieces: Size of each DATA frame.
        interim: Status and headers of each 1xx.
        trailers: Trailer section.
        reset: Code of the RST_STREAM that came.
        complete: The response has ended.
        pushed: What the server pushed beside it: request fields, response.
    """

    stream_id: int = 0
    status: int | None = None
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    pieces: list[int] = field(default_factory=list)
    interim: list[tuple[int, Headers]] = field(default_factory=list)
    trailers: Headers = field(default_factory=list)
    reset: int | None = None
    complete: bool = False
    pushed: list[tuple[Headers, H2Response]] = field(default_factory=list)


@dataclass(slots=True)
class _Request:
    fields: list[tuple[bytes, bytes]]
    response: H2Response
    body: memoryview
    trailers: list[tuple[bytes, bytes]]
    end: bool


class H2Client:
    """A client that sends its requests at once, and bodies as far as the windows go.

    It begins when the server's SETTINGS have come. A GOAWAY without an error is kept from h2, which
    would take nothing more after it, where RFC 9113 section 6.8 lets open streams go on.

    Args:
        credit: Give credit for DATA as it comes.
        settings: SETTINGS of ours, by number, beside h2's own.

    Attributes:
        connection: The `h2.connection.H2Connection`.
        goaways: Last stream and code of each GOAWAY.
        closed: The server has ended its direction.
    """

    def __init__(self, *, credit: bool = True, settings: dict[int, int] | None = None) -> None:
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self.connection = h2.connection.H2Connection(config=config)
        if settings:
            values = {h2.settings.SettingCodes(number): settings[number] for number in settings}
            own = h2.settings.Settings(client=True, initial_values=values)
            self.connection.local_settings = own
        self.connection.initiate_connection()
        self.credit = credit
        self.goaways: list[tuple[int, int]] = []
        self.closed = False
        self._greeted = False
        self._waiting: list[_Request] = []
        self._sending: list[_Request] = []
        self._responses: dict[int, H2Response] = {}
        self._buffer = b""

    def request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        body: bytes | None = None,
        *,
        trailers: Iterable[tuple[str | bytes, str | bytes]] = (),
        end: bool = True,
    ) -> H2Response:
        """Queue a request; the answer appears in what this returns.

        Args:
            method: Method.
            target: `:path`.
            headers: Fields; those that begin with `:` replace ours.
            body: Body; None for none.
            trailers: Trailer section.
            end: End the stream; otherwise `send` and `end` go on.
        """
        given = [(_bytes(name), _bytes(value)) for name, value in headers]
        pseudo = {
            b":method": method.encode(), b":scheme": b"http", b":authority": b"test",
            b":path": target.encode(),
        }  # fmt: skip
        pseudo.update(field for field in given if field[0].startswith(b":"))
        fields = [*pseudo.items(), *(field for field in given if not field[0].startswith(b":"))]
        response = H2Response()
        rest = [(_bytes(name), _bytes(value)) for name, value in trailers]
        self._waiting.append(_Request(fields, response, memoryview(body or b""), rest, end))
        self._begin()
        return response

    def get(
        self, target: str, headers: Iterable[tuple[str | bytes, str | bytes]] = ()
    ) -> H2Response:
        """Queue a GET."""
        return self.request("GET", target, headers)

    def post(
        self, target: str, body: bytes, headers: Iterable[tuple[str | bytes, str | bytes]] = ()
    ) -> H2Response:
        """Queue a POST."""
        length = ("content-length", str(len(body)))
        return self.request("POST", target, [length, *headers], body)

    def send(self, response: H2Response, data: bytes, *, end: bool = False) -> None:
        """More body of a request that was not ended, as far as the window goes."""
        self.connection.send_data(response.stream_id, data, end_stream=end)

    def reset(self, response: H2Response, code: int = h2.errors.ErrorCodes.CANCEL) -> None:
        """Give a request up."""
        self.connection.reset_stream(response.stream_id, code)

    def data_to_send(self) -> bytes:
        """Preface, requests, credit."""
        self._go_on()
        return bytes(self.connection.data_to_send())

    def receive(self, data: bytes) -> None:
        """Bytes of the responses.

        Raises:
            h2.exceptions.ProtocolError: They are none.
        """
        if not data:
            self.closed = True
            return
        self._buffer += data
        while len(self._buffer) >= _PREFIX:
            size = _PREFIX + int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < size:
                break
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            if frame[3] == _GOAWAY:
                code = int.from_bytes(frame[13:17], "big")
                self.goaways.append((int.from_bytes(frame[9:13], "big"), code))
                continue
            for event in self.connection.receive_data(frame):
                handle = _HANDLERS.get(type(event))
                if handle is not None:
                    handle(self, event)

    # Events ---------------------------------------------------------------------------------------

    def _greet(self, event: Any) -> None:
        self._greeted = True
        self._begin()

    def _head(self, event: Any) -> None:
        response = self._responses[event.stream_id]
        response.status, response.headers = _split(event.headers)

    def _interim(self, event: Any) -> None:
        self._responses[event.stream_id].interim.append(_split(event.headers))

    def _trailers(self, event: Any) -> None:
        self._responses[event.stream_id].trailers = [(n, v) for n, v in event.headers]

    def _data(self, event: Any) -> None:
        response = self._responses[event.stream_id]
        response.body += event.data
        response.pieces.append(len(event.data))
        if self.credit and event.flow_controlled_length:
            self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _ended(self, event: Any) -> None:
        self._responses[event.stream_id].complete = True

    def _reset(self, event: Any) -> None:
        self._responses[event.stream_id].reset = int(event.error_code)

    def _pushed(self, event: Any) -> None:
        response = H2Response(stream_id=event.pushed_stream_id)
        self._responses[event.pushed_stream_id] = response
        fields = [(name, value) for name, value in event.headers]
        self._responses[event.parent_stream_id].pushed.append((fields, response))

    # ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        while self._greeted and self._waiting:
            request = self._waiting.pop(0)
            stream_id = self.connection.get_next_available_stream_id()
            request.response.stream_id = stream_id
            self._responses[stream_id] = request.response
            whole = request.end and not request.body and not request.trailers
            self.connection.send_headers(stream_id, request.fields, end_stream=whole)
            if not whole:
                self._sending.append(request)

    def _go_on(self) -> None:
        connection = self.connection
        for request in list(self._sending):
            stream_id = request.response.stream_id
            if request.response.reset is not None:
                self._sending.remove(request)
                continue
            while request.body:
                room = min(
                    connection.local_flow_control_window(stream_id),
                    connection.max_outbound_frame_size,
                )
                if room <= 0:
                    break
                piece, request.body = request.body[:room], request.body[room:]
                last = not request.body and request.end and not request.trailers
                connection.send_data(stream_id, bytes(piece), end_stream=last)
            if not request.body:
                self._sending.remove(request)
                if request.trailers:
                    connection.send_headers(stream_id, request.trailers, end_stream=True)

    def __repr__(self) -> str:
        return f"<H2Client streams={len(self._responses)} goaways={self.goaways}>"


_HANDLERS: dict[type[Any], Callable[[H2Client, Any], None]] = {
    h2.events.RemoteSettingsChanged: H2Client._greet,
    h2.events.ResponseReceived: H2Client._head,
    h2.events.InformationalResponseReceived: H2Client._interim,
    h2.events.TrailersReceived: H2Client._trailers,
    h2.events.DataReceived: H2Client._data,
    h2.events.StreamEnded: H2Client._ended,
    h2.events.StreamReset: H2Client._reset,
    h2.events.PushedStreamReceived: H2Client._pushed,
}


def _split(fields: Any) -> tuple[int, Headers]:
    status = int(dict(fields)[b":status"])
    return status, [(name, value) for name, value in fields if not name.startswith(b":")]


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value
