"""What one stream's silence or slowness means, and when to look at it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import NEVER, RemoteProtocolError
from nonecorn_h3._http._errors import ErrorCode
from nonecorn_h3._http._reader import WANT_HEAD

if TYPE_CHECKING:
    from nonecorn_h3._http._connection import H3Connection
    from nonecorn_h3._http._exchange import H3Exchange


def due(connection: H3Connection, exchange: H3Exchange, now: float) -> float:
    """Act on the deadlines of a stream that have passed.

    Returns:
        When the next one does; `NEVER` where the stream is gone.
    """
    limits = connection.limits
    if exchange.phase == WANT_HEAD:
        when = exchange.opened_at + limits.head_timeout if limits.head_timeout else NEVER
        if when <= now:
            connection.refused(exchange, RemoteProtocolError(408, "head-timeout"))
            return NEVER
        return when
    if exchange.app_deadline <= now and exchange.stream is not None:
        exchange.app_deadline = NEVER
        exchange.stream.expire()
        return connection.after(limits.close_timeout)
    if exchange.we_ended:
        if exchange.ends_at <= now:
            connection.give_up(exchange, "client-gone", ErrorCode.NO_ERROR)
            return NEVER
        return exchange.ends_at
    next_look = exchange.app_deadline
    if exchange.paused and limits.write_timeout:
        moved = exchange.written - connection.port.buffered(exchange.id)
        if moved > exchange.moved:
            exchange.moved, exchange.moved_at = moved, now
        when = exchange.moved_at + limits.write_timeout
        if when <= now:
            connection.give_up(exchange, "write-timeout", ErrorCode.REQUEST_CANCELLED)
            return NEVER
        next_look = min(next_look, when)
    if not exchange.peer_ended and not exchange.responded and limits.body_timeout:
        # Once the response has begun the two are in conversation, and silence is part of it.
        when = exchange.heard_at + limits.body_timeout
        stream = exchange.stream
        full = exchange.unread >= limits.receive_buffer
        if full or (stream is not None and stream.expect_continue):
            when = now + limits.body_timeout  # it is not the client that is waited for
        if when <= now:
            connection.answer(exchange, RemoteProtocolError(408, "body-timeout"))
            return NEVER
        next_look = min(next_look, when)
    return next_look
