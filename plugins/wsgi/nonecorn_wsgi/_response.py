"""The thread's side of a request: calls the application and drives its response.

`start_response` keeps the head. It leaves with the first bytes that are not empty, or at the end
without any (PEP 3333, "The start_response() Callable"), and a start and a body that are known
together are handed over together: a small response crosses to the loop once.

Where the application's own Content-Length is reached the response is complete for its client. The
iterable is still run to its end, as there may be code after the last `yield`; where nobody gets the
body (HEAD, 204, 304, a client that has gone) it is left. `close()` is called in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from nonecorn.spi import ClientDisconnectedError, LocalProtocolError, Message
from nonecorn_wsgi._files import FileWrapper
from nonecorn_wsgi._handoff import DONE, END, Handoff
from nonecorn_wsgi._head import Head, make_head
from nonecorn_wsgi._input import BodyTooLargeError, Input

ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

_GONE = "the client has disconnected"


class Responder:
    """One request's.

    Args:
        app: The WSGI application.
        environ: Its environ; what belongs to the response is put in here.
        handoff: Leads to the loop.
        extensions: Those of the ASGI scope.
        body: The request body where it is read as it comes.

    Attributes:
        error: What the application raised, or what it did that cannot be.
        left_open: The result whose `close()` is to be called once its file was sent.
    """

    __slots__ = (
        "_app", "_bodiless", "_body", "_complete", "_environ", "_handoff", "_head", "_remaining",
        "_sends_files", "_started", "error", "left_open",
    )  # fmt: skip

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        environ: dict[str, Any],
        handoff: Handoff,
        extensions: dict[str, Any],
        body: Input | None,
    ) -> None:
        self._app = app
        self._environ = environ
        self._handoff = handoff
        self._body = body
        self._head: Head | None = None
        self._started = False
        self._complete = False
        self._bodiless = environ["REQUEST_METHOD"] == "HEAD"
        self._remaining = -1
        self._sends_files = "http.response.zerocopysend" in extensions
        self.error: BaseException | None = None
        self.left_open: Any = None
        if "http.response.early_hint" in extensions:
            environ["wsgi.early_hints"] = self.early_hints

    def __repr__(self) -> str:
        environ = self._environ
        state = "complete" if self._complete else "started" if self._started else "not started"
        return f"<Responder {environ['REQUEST_METHOD']} {environ['PATH_INFO']!r} {state}>"

    def run(self) -> None:
        """Call the application and see its response through; in a thread of the pool."""
        try:
            if not self._handoff.over:
                self._run()
        except BaseException as error:  # noqa: BLE001  # the loop's task raises it
            if isinstance(error, BodyTooLargeError) and not self._started:
                self._handoff.put(_too_large(), b"Content Too Large", END)
            else:
                self.error = error
        finally:
            self._handoff.put(DONE)

    def close(self) -> None:
        """Call what `left_open` left; in a thread of the pool."""
        result, self.left_open = self.left_open, None
        try:
            result.close()
        except BaseException as error:  # noqa: BLE001  # the loop's task raises it
            self.error = error
        finally:
            self._handoff.put(DONE)

    def _run(self) -> None:
        result = self._app(self._environ, self.start_response)
        try:
            if result.__class__ is FileWrapper and self._sends_files and self._send_file(result):
                return
            self._iterate(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None and self.left_open is None:
                close()

    # What the application calls -------------------------------------------------------------------

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], None]:
        """See PEP 3333.

        Raises:
            LocalProtocolError: Status or headers are not allowed, or were given before.
            BaseException: That of `exc_info`, where the head has left.
        """
        try:
            if exc_info is not None:
                if self._started:
                    raise exc_info[1].with_traceback(exc_info[2])
            elif self._head is not None:
                message = "start_response: called a second time without exc_info (PEP 3333)"
                raise LocalProtocolError(message)
            self._head = make_head(status, headers)
        finally:
            exc_info = None  # no cycle through this frame
        return self.write

    def write(self, data: bytes, /) -> None:
        """See PEP 3333: send at once, before anything that is iterated.

        Raises:
            ClientDisconnectedError: The client has gone.
            LocalProtocolError: These are no bytes, or more than Content-Length said.
        """
        if self._handoff.gone:
            raise ClientDisconnectedError(_GONE)
        if data or data.__class__ is not bytes:
            self._send(data, last=False)

    def early_hints(self, headers: Iterable[tuple[str, str]], /) -> None:
        """Send a 103 with the Link fields among these; nothing once the response has begun.

        Raises:
            LocalProtocolError: One of them is no header.
        """
        links = [
            value for name, value in make_head("200 OK", list(headers)).headers if name == b"link"
        ]
        if links and not self._started and not self._handoff.gone:
            self._handoff.put({"type": "http.response.early_hint", "links": links})

    # The response ---------------------------------------------------------------------------------

    def _iterate(self, result: Iterable[bytes]) -> None:
        handoff = self._handoff
        # PEP 3333: an iterable of length 1 is the whole body.
        only = isinstance(result, list | tuple) and len(result) == 1
        for data in result:
            if data or data.__class__ is not bytes:
                self._send(data, last=only)
            if handoff.gone or (self._bodiless and self._complete):
                return
        if self._complete:
            return
        if not self._started:
            start = self._start()
            if self._remaining > 0:
                raise self._too_short(0)
            self._started = self._complete = True
            handoff.put(start, END)
        elif self._remaining > 0:
            raise self._too_short(None)
        else:
            self._complete = True
            handoff.put(END)

    def _send(self, data: bytes, *, last: bool) -> None:
        """Hand body bytes over, with the head where it has not left."""
        if data.__class__ is not bytes:
            data = _as_bytes(data)
        start = None if self._started else self._start(len(data) if last else -1)
        if self._bodiless:
            if start is not None:
                self._started = self._complete = True
                self._handoff.put(start, END)
            return
        remaining = self._remaining
        if remaining >= 0:
            size = len(data)
            left = remaining - size
            if left < 0:
                if start is None:
                    self._put_part(data[:remaining])
                message = f"the body is longer than the Content-Length said by {-left} bytes"
                raise LocalProtocolError(message)
            if last and left:
                raise self._too_short(size)
            self._remaining = left
            last = left == 0
        if last:
            self._complete = True
        operations = (data, END) if last else (data,)
        if start is not None:
            self._started = True
            self._handoff.put(start, *operations)
        else:
            self._handoff.put(*operations)
        if not last:
            self._handoff.sent(len(data))

    def _put_part(self, data: bytes) -> None:
        if not self._complete:
            self._complete = True
            self._handoff.put(data, END)

    def _start(self, size: int = -1) -> Message:
        """The head as a message of its own, for the next `put`.

        Args:
            size: Of the body, where it is known.
        """
        head = self._head
        if self._body is not None and self._body.too_large and (not head or head.status != 413):
            self._remaining = -1
            return _too_large()
        if head is None:
            message = "the application has not called start_response before the body began"
            raise LocalProtocolError(message)
        if head.status in (204, 304):
            self._bodiless = True
        headers = list(head.headers)
        if size >= 0 > head.length and head.status not in (204, 304):
            # To HEAD as well (RFC 9110 section 9.3.2).
            headers.append((b"content-length", b"%d" % size))
        self._remaining = -1 if self._bodiless else head.length
        return {"type": "http.response.start", "status": head.status, "headers": headers}

    def _too_short(self, size: int | None) -> LocalProtocolError:
        by = self._remaining - (size or 0)
        return LocalProtocolError(f"the body is shorter than the Content-Length said by {by} bytes")

    def _send_file(self, wrapper: FileWrapper) -> bool:
        """Hand the rest of a file over; False where it has to be read."""
        head = self._head
        if self._started or head is None or self._bodiless or head.status in (204, 304):
            return False
        found = wrapper.message(head.length)
        if found is None:
            return False
        message, count = found
        start = self._start(count)
        if 0 <= self._remaining != count:
            raise self._too_short(count)
        self._started = self._complete = True
        if hasattr(wrapper, "close"):
            self.left_open = wrapper
        if count:
            self._handoff.put(start, message)
        else:
            self._handoff.put(start, END)
        return True


def _too_large() -> Message:
    """Instead of whatever the application makes of the error that it got."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    return {"type": "http.response.start", "status": 413, "headers": headers}


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, bytes):
        return bytes(data)
    message = f"the body consists of bytes (PEP 3333), not of {type(data).__name__}: {data!r:.60}"
    raise LocalProtocolError(message)
