"""What one stream's silence or slowness means, and when to look at it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import NEVER, RemoteProtocolError
from nonecorn_h2._errors import ErrorCode

if TYPE_CHECKING:
    from nonecorn_h2._exchange import H2Exchange
    from nonecorn_h2._life import H2Life


def due(connection: H2Life, exchange: H2Exchange, now: float) -> float:
    """Act on the deadlines of a stream that have passed.

    Returns:
        When the next one does; `NEVER` where the stream is gone.
    """
    limits = connection.limits
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
    if exchange.queued and not connection.outbox.paused:
        # One that waits for its turn is not the client's doing; one without a window is, and stays
        # so where the client has ended its direction.
        if exchange.window_out > 0 and connection.engine.window_out > 0:
            exchange.moved_at = now
        elif connection.peer_ended:
            connection.give_up(exchange, "client-gone", ErrorCode.CANCEL)
            return NEVER
        if limits.write_timeout:
            when = exchange.moved_at + limits.write_timeout
            if when <= now:
                connection.give_up(exchange, "write-timeout", ErrorCode.CANCEL)
                return NEVER
            next_look = min(next_look, when)
    if not exchange.peer_ended and not exchange.responded and limits.body_timeout:
        # Once the response has begun the two are in conversation, and silence is part of it.
        when = exchange.heard_at + limits.body_timeout
        stream = exchange.stream
        if exchange.window_in <= 0 or (stream is not None and stream.expect_continue):
            when = now + limits.body_timeout  # it is not the client that is waited for
        if when <= now:
            connection.answer(exchange, RemoteProtocolError(408, "body-timeout"))
            return NEVER
        next_look = min(next_look, when)
    return next_look
