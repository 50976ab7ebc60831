"""HTTP/1.1 with heads parsed by h11.

h11's own state machine covers both directions of a connection; here one `h11.Connection` reads one
head and is dropped, since framing and order are `nonecorn_http1`'s, alike for every engine. For the
same reason h11 is not shown the fields that frame the message: it would merge repeated lengths,
and refuse codings with an answer of its own, before our rules saw what was sent.
"""

from __future__ import annotations

import h11

from nonecorn.spi import Headers, RemoteProtocolError
from nonecorn_http1 import Http1Connection, without_framing


class H11Connection(Http1Connection):
    """The engine that needs no compiled code."""

    __slots__ = ()

    def parse_fields(self, head: bytes) -> Headers:
        """See `Http1Connection.parse_fields`."""
        head, framing = without_framing(head)
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=len(head) + 1)
        try:
            parser.receive_data(head)
            event = parser.next_event()
        except h11.RemoteProtocolError as error:
            raise RemoteProtocolError(error.error_status_hint, "h11") from error
        if not isinstance(event, h11.Request):
            raise RemoteProtocolError(400, "h11")
        headers = list(event.headers)
        for position, header in framing:
            headers.insert(position, header)
        return headers
