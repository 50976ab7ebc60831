"""`wsgi.input` of bodies that are not there yet: read from the client as the application reads.

A body that was received before the application is called, and one that is empty, is a `BytesIO`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nonecorn.spi import ClientDisconnectedError, NonecornError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from nonecorn_wsgi._handoff import Handoff


class BodyTooLargeError(NonecornError, OSError):
    """The request body is larger than `[wsgi] body_size`: the request is answered 413."""


class Input(io.BufferedIOBase):
    """A blocking binary file over the request body.

    Its methods raise `ClientDisconnectedError` where the client goes before the body is complete,
    and `BodyTooLargeError` where it sends more than it may. Both are `OSError`.

    Args:
        handoff: Brings the body.
        limit: Most bytes of a body; 0 for no limit.

    Attributes:
        too_large: The limit was passed.
    """

    def __init__(self, handoff: Handoff, limit: int) -> None:
        self._handoff = handoff
        self._limit = limit
        self._data = b""
        self._at = 0
        self._received = 0
        self._more = True
        self.too_large = False

    def __repr__(self) -> str:
        state = "more to come" if self._more else "complete"
        return f"<Input received={self._received} {state}>"

    def readable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, fewer only at the end of the body; all that follow where `size` is
        negative or None.
        """
        if size is None or size < 0:
            parts = [self._take(len(self._data))]
            while self._fetch():
                parts.append(self._take(len(self._data)))
            return b"".join(parts)
        data = self._take(size)
        if len(data) == size or not self._fetch():
            return data
        parts = [data]
        left = size - len(data)
        while True:
            data = self._take(left)
            parts.append(data)
            left -= len(data)
            if not left or not self._fetch():
                return b"".join(parts)

    def read1(self, size: int = -1, /) -> bytes:
        """What has arrived, at most `size` bytes; waits only where nothing has."""
        if size == 0 or (self._at >= len(self._data) and not self._fetch()):
            return b""
        return self._take(len(self._data) if size < 0 else size)

    def readinto1(self, buffer: Buffer, /) -> int:
        """See `io.BufferedIOBase`."""
        view = memoryview(buffer).cast("B")
        data = self.read1(len(view))
        view[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line with its end, at most `size` bytes of it; the last may have no end."""
        left = -1 if size is None else size
        parts: list[bytes] = []
        while left:
            end = self._data.find(b"\n", self._at) + 1
            count = (end or len(self._data)) - self._at
            if left > 0:
                count = min(count, left)
                left -= count
            complete = end and self._at + count == end
            parts.append(self._take(count))
            if complete or not left or not self._fetch():
                break
        return b"".join(parts)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Lines until the end, or until they have `hint` bytes together."""
        lines: list[bytes] = []
        left = hint or 0
        while line := self.readline():
            lines.append(line)
            if left > 0:
                left -= len(line)
                if left <= 0:
                    break
        return lines

    def _take(self, size: int) -> bytes:
        """At most so many of the bytes that are here."""
        data, at = self._data, self._at
        if not at and size >= len(data):
            self._data = b""
            return data
        part = data[at : at + size]
        self._at = at + len(part)
        if self._at == len(data):
            self._data, self._at = b"", 0
        return part

    def _fetch(self) -> bool:
        """Wait for more, once all that is here was taken; False at the end of the body."""
        while self._more:
            if self.too_large:
                raise self._over()
            message = self._handoff.receive()
            if message is None or message["type"] != "http.request":
                error = "the client has disconnected before its request was complete"
                raise ClientDisconnectedError(error)
            data = message.get("body", b"")
            self._more = message.get("more_body", False)
            self._received += len(data)
            if self._limit and self._received > self._limit:
                self.too_large = self._more = True
                raise self._over()
            if data:
                self._data = data
                return True
        return False

    def _over(self) -> BodyTooLargeError:
        message = f"the request body is larger than the {self._limit} bytes of wsgi.body_size"
        return BodyTooLargeError(message)

    def writelines(self, lines: Iterable[Buffer], /) -> None:
        """Not for writing."""
        message = "the request body is read, not written"
        raise io.UnsupportedOperation(message)
