"""One response on its way out.

    START ─ http.response.start ─► HELD ─ first piece of the body ─► CODED ─► PASSED
                │                    │
                └────────────────────┴──────────────────────────────► PASSED: as it is

The start is held until there is some of the body, which decides: a body that is whole and small, or
becomes no smaller, leaves as it is. A body in pieces is flushed after each, so that whoever waits
for a piece gets it at once. A piece of any size passes through in slices, each awaited, so that a
slow client slows the application, and what is held is a slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from nonecorn.spi import Message, Runtime, Scope, Send, current_run
from nonecorn_compress import _files
from nonecorn_compress._codecs import Coding, Encoder
from nonecorn_compress._fields import Fields

_SLICE = 262144
START, HELD, CODED, PASSED = range(4)
_STATES = ("start", "held", "coded", "passed")


class Response:
    """`send` for the application.

    Args:
        scope: The request's.
        send: The server's.
        coding: What the client takes best; None for nothing.
        matches: Whether a content type is to be compressed.
        minimum: Bytes that are worth it.
    """

    __slots__ = (
        "_coding", "_encoder", "_fields", "_matches", "_minimum", "_scope", "_send", "_start",
        "_state",
    )  # fmt: skip

    def __init__(
        self,
        scope: Scope,
        send: Send,
        coding: Coding | None,
        matches: Callable[[bytes], bool],
        minimum: int,
    ) -> None:
        self._scope = scope
        self._send = send
        self._coding = coding
        self._matches = matches
        self._minimum = minimum
        self._state = START
        self._start: Message = {}
        self._fields: Fields
        self._encoder: Encoder

    def __repr__(self) -> str:
        return f"<Response {self._scope['path']!r} {_STATES[self._state]}>"

    async def send(self, message: Message) -> None:
        """ASGI's send."""
        kind = message["type"]
        if self._state == PASSED:
            await self._send(message)
        elif kind == "http.response.body":
            await self._body(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.start" and self._state != CODED:
            await self._started(message)
        elif kind == "http.response.pathsend" and self._state == HELD:
            await self._path(message)
        elif kind == "http.response.zerocopysend" and self._state in (HELD, CODED):
            await self._open_file(message)
        else:
            await self._send(message)

    async def ended(self) -> None:
        """The application has returned; what it began and did not go on with is the server's."""
        if self._state == HELD:
            await self._pass(self._start)

    # The head -------------------------------------------------------------------------------------

    async def _started(self, message: Message) -> None:
        fields = Fields(message["status"], message.get("headers", ()))
        if fields.status == 304:
            headers = fields.not_modified(self._scope["headers"])
            await self._pass({**message, "headers": headers})
            return
        small = fields.length is not None and fields.length < self._minimum
        if small or not fields.eligible or not self._matches(fields.kind):
            await self._pass(message)
            return
        self._fields = fields
        self._start = {**message, "headers": fields.varied()}
        if self._coding is None:
            await self._pass(self._start)
            return
        self._state = HELD

    async def _pass(self, start: Message) -> None:
        """Send the head, and what follows as it comes."""
        self._state = PASSED
        await self._send(start)

    async def _begin(self, coding: Coding, size: int | None) -> None:
        """Send the head of a compressed response."""
        headers = self._fields.coded(coding.name, None)
        self._encoder = coding.encoder(size)
        self._state = CODED
        await self._send({**self._start, "headers": headers})

    # The body -------------------------------------------------------------------------------------

    async def _body(self, data: bytes, *, more: bool) -> None:
        coding = self._coding
        if coding is None or self._state == START:
            await self._send({"type": "http.response.body", "body": data, "more_body": more})
            return
        if self._state == HELD:
            if self._scope["method"] == "HEAD":
                await self._head(coding, data, more=more)
                return
            if not more:
                await self._whole(coding, data)
                return
            await self._begin(coding, self._fields.length)
        await self._pieces(coding, data, more=more)

    async def _head(self, coding: Coding, data: bytes, *, more: bool) -> None:
        """What a GET would get, as far as that is known without its body (RFC 9110 section 9.3.2).

        What the size of a compressed body is, is not.
        """
        if self._fields.length is not None:
            self._start["headers"] = self._fields.coded(coding.name, None)
        await self._pass(self._start)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _whole(self, coding: Coding, data: bytes) -> None:
        """A body that is here at once has a length, and may stay as it is."""
        if len(data) > _SLICE:
            await self._begin(coding, len(data))
            await self._pieces(coding, data, more=False)
            return
        if len(data) >= self._minimum:
            encoder = coding.encoder(len(data))
            coded = await _run(
                len(data) > coding.inline, lambda: encoder.feed(data) + encoder.finish()
            )
            if len(coded) < len(data):
                self._start["headers"] = self._fields.coded(coding.name, len(coded))
                data = coded
        await self._pass(self._start)
        await self._send({"type": "http.response.body", "body": data})

    async def _pieces(self, coding: Coding, data: bytes, *, more: bool) -> None:
        for piece, last in _slices(data):
            end = last and not more
            coded = await _run(
                len(piece) > coding.inline, partial(self._coded, piece, flush=last, end=end)
            )
            await self._forward(coded, end=end)

    def _coded(self, data: bytes, *, flush: bool, end: bool) -> bytes:
        """What a slice becomes: flushed with its message, and ended with the body."""
        encoder = self._encoder
        coded = encoder.feed(data) if data else b""
        if end:
            return coded + encoder.finish()
        return coded + encoder.flush() if flush and data else coded

    async def _forward(self, coded: bytes, *, end: bool) -> None:
        if end:
            self._state = PASSED
        await self._send({"type": "http.response.body", "body": coded, "more_body": not end})

    # Files ----------------------------------------------------------------------------------------

    async def _path(self, message: Message) -> None:
        coding, runtime, opened = self._coding, current_run().runtime, _files.OpenFile()
        assert coding is not None  # nothing would be held
        try:
            file, size = await runtime.run_in_thread(opened.open, message["path"])
            if size < self._minimum:
                await self._pass(self._start)
                await self._send(message)
            elif self._scope["method"] == "HEAD":
                await self._pass({**self._start, "headers": self._fields.coded(coding.name, None)})
                await self._send({"type": "http.response.body", "body": b""})
            else:
                await self._begin(coding, size)
                await self._file(runtime, file, 0, size, end=True)
        finally:
            opened.close()

    async def _open_file(self, message: Message) -> None:
        file, offset, count = _files.part_of(message)
        more: bool = message.get("more_body", False)
        coding = self._coding
        assert coding is not None  # nothing would be held
        if self._state == HELD:
            if self._scope["method"] == "HEAD":
                await self._head(coding, b"", more=more)
                return
            if not more and count < self._minimum:
                await self._pass(self._start)
                await self._send({**message, "offset": offset, "count": count})
                return
            await self._begin(coding, None if more else count)
        await self._file(current_run().runtime, file, offset, count, end=not more)

    async def _file(
        self, runtime: Runtime, file: int, offset: int, count: int, *, end: bool
    ) -> None:
        stop = offset + count
        while offset < stop:
            read, coded = await runtime.run_in_thread(
                self._read, file, min(_SLICE, stop - offset), offset, stop, end
            )
            offset += read
            await self._forward(coded, end=end and offset == stop)
        if not count:
            await self._forward(self._coded(b"", flush=True, end=end), end=end)

    def _read(
        self,
        file: int,
        size: int,
        offset: int,
        stop: int,
        end: bool,
    ) -> tuple[int, bytes]:
        """Bytes read, and what becomes of them."""
        data = _files.read(file, size, offset)
        last = offset + len(data) == stop
        return len(data), self._coded(data, flush=last, end=end and last)


async def _run(in_thread: bool, function: Callable[[], bytes]) -> bytes:
    if in_thread:
        return await current_run().runtime.run_in_thread(function)
    return function()


def _slices(data: bytes) -> Iterator[tuple[Any, bool]]:
    """Parts of a body, and whether each is the last."""
    if len(data) <= _SLICE:
        yield data, True
        return
    view = memoryview(data)
    for start in range(0, len(data), _SLICE):
        yield view[start : start + _SLICE], start + _SLICE >= len(data)
