"""HTTP/1.1 with field lines parsed by h11.

h11's own state machine covers both directions of a connection; here one `h11.Connection` reads one
head and is dropped, since framing and order are `nonecorn_http1`'s, alike for every engine. It is
shown the lines behind a request line of HTTP/1.0, which asks for no Host: that rule is
`nonecorn_http1`'s too.
"""

from __future__ import annotations

import h11

from nonecorn.spi import Headers, RemoteProtocolError
from nonecorn_http1 import Http1Connection, ParseFields


def parse(lines: list[bytes]) -> Headers:
    """See `nonecorn_http1.ParseFields`."""
    head = b"\r\n".join([b"GET / HTTP/1.0", *lines, b"", b""])
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=len(head) + 1)
    try:
        parser.receive_data(head)
        event = parser.next_event()
    except h11.RemoteProtocolError as error:
        raise RemoteProtocolError(400, "h11") from error
    if not isinstance(event, h11.Request):
        raise RemoteProtocolError(400, "h11")
    return list(event.headers)


class H11Connection(Http1Connection):
    """The engine that needs no compiled code."""

    __slots__ = ()

    @classmethod
    def field_parser(cls) -> ParseFields:
        """See `Http1Connection.field_parser`."""
        return parse
