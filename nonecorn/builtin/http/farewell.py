"""What becomes of responses that have no end of their own when the worker drains.

An event stream (`text/event-stream`) goes on until its client leaves; nobody would wait for it.
The setting `drain` says how it ends: `notify` makes `receive()` say `http.disconnect` while what is
still sent arrives, so that the application may say farewell; `cancel` cancels it; `wait` treats it
as any other response, which has `graceful_timeout` to finish. Events are complete each by itself,
so an event stream that ends in a drain ends as a whole response does: its client sees no broken
connection and comes back as the format has it, to who serves then.
"""
# ruff: noqa: SLF001  # functions of HTTPStream in all but place

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.config.schema import ServerSettings

if TYPE_CHECKING:
    from nonecorn.builtin.http.stream import HTTPStream

_HEAD, _BODY = 1, 2  # phases, as in stream.py


def is_event_stream(stream: HTTPStream) -> bool:
    """Whether the response has begun, is one, and says nowhere how long it is."""
    if stream._gone or stream._phase not in (_HEAD, _BODY):
        return False
    fields = {name.lower(): value for name, value in stream._headers}
    kind = fields.get(b"content-type", b"").lower()
    return kind.startswith(b"text/event-stream") and b"content-length" not in fields


def shutdown(stream: HTTPStream) -> None:
    """The worker drains."""
    policy = stream._context.settings_of(ServerSettings).drain
    if policy == "wait" or not is_event_stream(stream):
        return
    if policy == "cancel":
        if stream.job is not None:
            stream.job.cancel()
    else:
        stream.half_close()


def end(stream: HTTPStream) -> bool:
    """End an event stream whose application has ended in a drain. False: it is none."""
    if not (stream._context.draining and is_event_stream(stream)):
        return False
    if stream._phase == _HEAD:
        stream._respond(b"", True)
    else:
        stream._exchange.body(stream, b"", True)
    if stream._trailers is not None:
        stream._exchange.trailers(stream, ())
    stream._finish("drained")
    return True
