"""The loop's side of a request: `WSGIMiddleware`, an ASGI application around a WSGI one.

    task: environ ─ submit ─┬─ wait ─ send, receive, release … ─ DONE ─ return
    thread:                 └─ application(environ, start_response), iterate, close ─┘

The task does what the thread asks for, in order, and joins body bytes that have gathered. It ends
after the thread has, so that a drain waits for both; only a cancelled task leaves its thread
behind, which then finds that nothing arrives any more.

A request body whose length says that it is small is received before a thread is taken, so that slow
clients take none. Not where the client waits to be asked for it (RFC 9110 section 10.1.1): then the
application's first read asks.
"""

from __future__ import annotations

import contextvars
import io
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from nonecorn.spi import Header, LocalProtocolError, Receive, Scope, Send, is_disconnect
from nonecorn_wsgi._environ import constant_environ, make_environ
from nonecorn_wsgi._files import FileWrapper
from nonecorn_wsgi._handoff import Handoff
from nonecorn_wsgi._input import Input
from nonecorn_wsgi._loop import Loop, mailbox
from nonecorn_wsgi._pool import ThreadPool
from nonecorn_wsgi._pump import Pump
from nonecorn_wsgi._response import Responder
from nonecorn_wsgi._settings import WSGISettings

_DEFAULTS = WSGISettings()

_logger = logging.getLogger("nonecorn.error")


class WSGIMiddleware:
    """An ASGI 3 application that runs a WSGI application in threads.

    Scopes other than `http` are refused: sockets are closed, and lifespan is declined as the
    specification asks, by raising.

    Args:
        app: The WSGI application.
        threads: Requests that it handles at once.
        queue_size: Requests that wait for a thread; further ones are answered 503.
        body_size: Request body in bytes, 413 beyond it; 0 for no limit.
        read_ahead: Request bodies up to this size, in bytes, are received whole before they take a
            thread.
        multiprocess: Other processes may run the same application at the same time
            (`wsgi.multiprocess`).
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        threads: int = _DEFAULTS.threads,
        queue_size: int = _DEFAULTS.queue_size,
        body_size: int = _DEFAULTS.body_size,
        read_ahead: int = _DEFAULTS.read_ahead,
        multiprocess: bool = True,
    ) -> None:
        self._app = app
        self._pool = ThreadPool(threads, queue_size)
        self._body_size = body_size
        self._read_ahead = read_ahead
        self._full = False
        self._constant = constant_environ(
            threads=threads, multiprocess=multiprocess, file_wrapper=FileWrapper
        )

    def __repr__(self) -> str:
        return f"<WSGIMiddleware {self._app!r} {self._pool!r}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3.

        Raises:
            LocalProtocolError: The scope is of no type that WSGI has; or the application broke its
                rules.
            BaseException: What the application raised.
        """
        if scope["type"] != "http":
            await _refuse(scope["type"], receive, send)
            return
        environ = make_environ(self._constant, scope)
        post = mailbox()
        handoff = Handoff(post)
        size = _body_size(environ, scope)
        body: Input | None = None
        if size == 0:
            environ["wsgi.input"] = io.BytesIO()
        elif self._body_size and size > self._body_size:
            await _answer(send, 413, b"Content Too Large")
            return
        elif 0 < size <= self._read_ahead and "HTTP_EXPECT" not in environ:
            whole = await _whole(receive)
            if whole is None:
                return
            environ["wsgi.input"] = io.BytesIO(whole)
        else:
            body = environ["wsgi.input"] = Input(handoff, self._body_size)
        responder = Responder(self._app, environ, handoff, scope.get("extensions") or {}, body)
        pump = Pump(handoff, receive, send)
        if not self._pool.submit(partial(contextvars.copy_context().run, responder.run)):
            self._refused()
            await _answer(send, 503, b"Service Unavailable", (b"retry-after", b"1"))
            return
        self._full = False
        await self._serve(post.loop, responder, pump)

    async def _serve(self, loop: Loop, responder: Responder, pump: Pump) -> None:
        """See the thread's request through, and raise what it raised."""
        try:
            await pump.run(loop)
            if responder.left_open is not None:
                self._pool.submit(responder.close, always=True)
                await pump.run(loop)
        finally:
            pump.handoff.finish()
            if responder.left_open is not None:  # this task was cancelled
                self._pool.submit(responder.close, always=True)
        error = pump.failure or responder.error
        responder.error = pump.failure = None
        if error is None or (pump.client_gone and is_disconnect(error)):
            return
        try:
            raise _presentable(error)
        finally:
            del error  # no cycle through this frame

    def _refused(self) -> None:
        """The queue is full. That is said once until there is room again."""
        if not self._full:
            self._full = True
            _logger.warning(
                "%d requests wait for a thread of the WSGI application, further ones are "
                "answered 503: raise wsgi.threads, or find out what its threads wait for",
                self._pool.queue_size,
            )


def _body_size(environ: dict[str, Any], scope: Scope) -> int:
    """Size of the request body; -1 where it shows only as the body comes."""
    length = environ.get("CONTENT_LENGTH")
    if length is not None:
        return int(length) if length.isascii() and length.isdigit() else -1
    if scope["http_version"].startswith("1"):
        # RFC 9112 section 6.3: neither means none. Other versions need neither.
        return -1 if "HTTP_TRANSFER_ENCODING" in environ else 0
    return -1


async def _whole(receive: Receive) -> bytes | None:
    """The request body; None where the client goes before it is complete."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _answer(send: Send, status: int, text: bytes, *headers: Header) -> None:
    """Answer in the application's stead."""
    fields = [(b"content-type", b"text/plain; charset=utf-8"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": text})


async def _refuse(kind: str, receive: Receive, send: Send) -> None:
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000, "reason": ""})
        return
    message = f"WSGI has no scope of type {kind!r}"
    raise LocalProtocolError(message)


def _presentable(error: BaseException) -> BaseException:
    """The error with a traceback that begins in the application's code, and of a class that means
    the same on the loop: an event loop takes its own cancellation for its own.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_globals.get("__package__") == __package__:
        traceback = traceback.tb_next
    error.__traceback__ = traceback
    if isinstance(error, Exception):
        return error
    other = RuntimeError(f"the application raised {error!r}")
    other.__cause__ = error
    return other
