"""Server push (RFC 9114 section 4.6): promises beside a response, and the responses on streams of
ours. Offered to applications where `[h3] push` is set and the client has sent MAX_PUSH_ID.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nonecorn.spi import Header
from nonecorn.spi.messages.priority import parse_priority
from nonecorn.spi.messages.promise import make_promise
from nonecorn_h3._http import _frames as f
from nonecorn_h3._http import _qpack as qpack
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode
from nonecorn_h3._http._exchange import H3Exchange
from nonecorn_h3._http._reader import COMPLETE

if TYPE_CHECKING:
    from nonecorn_h3._http._connection import H3Connection


class Pushes:
    """One connection's.

    Args:
        connection: Whose.
        offered: `[h3] push`.
        most: How many at once.

    Attributes:
        offered: As given.
    """

    __slots__ = ("_by_id", "_connection", "_limit", "_most", "_next", "_stopped", "offered")

    def __init__(self, connection: H3Connection, *, offered: bool, most: int) -> None:
        self._connection = connection
        self._most = most
        self._next = 0
        self._limit = -1
        self._stopped = f.MOST_INTEGER + 1
        self._by_id: dict[int, H3Exchange] = {}
        self.offered = offered

    def __repr__(self) -> str:
        return f"<Pushes next={self._next} limit={self._limit} open={len(self._by_id)}>"

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def allowed(self) -> bool:
        """One may be promised now."""
        return (
            self.offered
            and self._next <= self._limit
            and self._next < self._stopped
            and len(self._by_id) < self._most
            and not self._connection.leaving
        )

    # What the client says -------------------------------------------------------------------------

    def allow(self, limit: int) -> None:
        """MAX_PUSH_ID (section 7.2.7)."""
        if limit < self._limit:
            raise ConnectionFault(ErrorCode.ID_ERROR, "max-push-id")
        self._limit = limit

    def cancel(self, push_id: int) -> None:
        """CANCEL_PUSH (section 7.2.3)."""
        self._check(push_id)
        exchange = self._by_id.get(push_id)
        if exchange is not None:
            connection = self._connection
            connection.port.reset(exchange.id, ErrorCode.REQUEST_CANCELLED)
            connection.was_stopped(exchange)

    def stop(self, push_id: int) -> None:
        """GOAWAY: pushes from this one on are not wanted."""
        self._stopped = push_id

    def prioritized(self, push_id: int, value: bytes) -> None:
        """PRIORITY_UPDATE (RFC 9218 section 7.2)."""
        self._check(push_id)
        exchange = self._by_id.get(push_id)
        if exchange is not None:
            exchange.prioritize(*parse_priority(value))

    def _check(self, push_id: int) -> None:
        if push_id >= self._next:
            raise ConnectionFault(ErrorCode.ID_ERROR, "push-id")

    # What the application says --------------------------------------------------------------------

    def promise(self, parent: H3Exchange, target: bytes, headers: Iterable[Header]) -> None:
        """Promise the response to a GET of our own making, and have it made.

        Raises:
            LocalProtocolError: The target or a header may not stand in a request.
        """
        connection = self._connection
        promise = make_promise(
            target, headers, scheme=connection.context.scheme, authority=parent.authority
        )
        if not self.allowed:
            return
        port = connection.port
        number = f.encode_integer(self._next)
        block = qpack.PREFIX + qpack.encode(promise.fields)
        port.write(parent.id, f.encode_frame(f.PUSH_PROMISE, number + block), False)
        stream_id = port.open(bidirectional=False)
        port.write(stream_id, f.encode_integer(f.PUSH_STREAM) + number, False)
        exchange = H3Exchange(connection, stream_id)
        exchange.phase = COMPLETE
        exchange.peer_ended = True
        self._by_id[self._next] = exchange
        self._next += 1
        connection.open_push(exchange, promise.head)

    def forget(self, exchange: H3Exchange) -> None:
        """A push has ended."""
        for push_id, found in self._by_id.items():
            if found is exchange:
                del self._by_id[push_id]
                return
