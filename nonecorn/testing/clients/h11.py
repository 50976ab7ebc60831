"""h11 as the client of a `WirePair`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import h11

from nonecorn.spi import Headers


@dataclass(slots=True, kw_only=True)
class H11Response:
    """What came back for one request; it fills as the pair is pumped.

    Attributes:
        status: Status code, None until the head came.
        headers: Names in lower case.
        body: Body so far.
        interim: Status and headers of each 1xx.
        trailers: Trailer section.
        complete: The response has ended.
    """

    status: int | None = None
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    interim: list[tuple[int, Headers]] = field(default_factory=list)
    trailers: Headers = field(default_factory=list)
    complete: bool = False


class H11Client:
    """A client that sends its requests one after the other on one connection.

    Attributes:
        connection: The `h11.Connection`.
        closed: The server has ended its direction.
    """

    def __init__(self) -> None:
        self.connection = h11.Connection(h11.CLIENT)
        self.closed = False
        self._out = bytearray()
        self._waiting: list[tuple[list[h11.Event], H11Response]] = []
        self._current: H11Response | None = None

    def request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        body: bytes | None = None,
        *,
        chunked: bool = False,
    ) -> H11Response:
        """Queue a request; the answer appears in what this returns.

        Args:
            method: Method token.
            target: Request target.
            headers: Fields; `Host` is added where there is none, and so is the body's framing.
            body: Body; None for none.
            chunked: Send the body chunked instead of with its length.
        """
        fields = [(_bytes(name), _bytes(value)) for name, value in headers]
        if not any(name.lower() == b"host" for name, _ in fields):
            fields.insert(0, (b"Host", b"test"))
        if body is not None:
            fields.append(
                (b"Transfer-Encoding", b"chunked")
                if chunked
                else (b"Content-Length", b"%d" % len(body))
            )
        events: list[h11.Event] = [h11.Request(method=method, target=target, headers=fields)]
        if body:
            events.append(h11.Data(data=body))
        events.append(h11.EndOfMessage())
        response = H11Response()
        self._waiting.append((events, response))
        self._next()
        return response

    def get(
        self, target: str, headers: Iterable[tuple[str | bytes, str | bytes]] = ()
    ) -> H11Response:
        """Queue a GET."""
        return self.request("GET", target, headers)

    def post(
        self,
        target: str,
        body: bytes,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        *,
        chunked: bool = False,
    ) -> H11Response:
        """Queue a POST."""
        return self.request("POST", target, headers, body, chunked=chunked)

    def data_to_send(self) -> bytes:
        """Bytes of the request that is under way."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes) -> None:
        """Bytes of the response.

        Raises:
            h11.RemoteProtocolError: They are no response.
        """
        if not data:
            self.closed = True
        self.connection.receive_data(data)
        while self._one_event():
            pass
        self._must_be_asked_for()

    def _one_event(self) -> bool:
        if self.connection.their_state in (h11.CLOSED, h11.MUST_CLOSE):
            return False
        event = self.connection.next_event()
        if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return False
        response = self._current
        if response is None:
            message = f"the server sent {event!r} where nothing was asked"
            raise h11.RemoteProtocolError(message)
        if isinstance(event, h11.InformationalResponse):
            response.interim.append((event.status_code, list(event.headers)))
        elif isinstance(event, h11.Response):
            response.status = event.status_code
            response.headers = list(event.headers)
        elif isinstance(event, h11.Data):
            response.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            response.trailers = list(event.headers)
            response.complete = True
            self._current = None
            self._must_be_asked_for()
            self._next()
        return True

    def _must_be_asked_for(self) -> None:
        stray = self.connection.trailing_data[0]
        if self._current is None and stray:
            message = f"the server sent {stray!r} where nothing was asked"
            raise h11.RemoteProtocolError(message)

    def _next(self) -> None:
        if self._current is not None or not self._waiting:
            return
        if self.connection.our_state is h11.DONE and self.connection.their_state is h11.DONE:
            self.connection.start_next_cycle()
        if self.connection.our_state is not h11.IDLE:
            return
        events, self._current = self._waiting.pop(0)
        for event in events:
            self._out += self.connection.send(event) or b""

    def __repr__(self) -> str:
        return f"<H11Client {self.connection.our_state}/{self.connection.their_state}>"


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value
