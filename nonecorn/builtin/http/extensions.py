"""The extension messages of ASGI HTTP: hints, trailers, push, and files sent without passing
through the application.

These functions are methods of `HTTPStream` in all but place: they are rare, and the stream's
file is about what every request does.

Whatever can be found wrong with a file is found before the head leaves, so that the application
may still answer otherwise. Once some of a file has left, a failure leaves nobody knowing how much:
the response is broken off.
"""
# ruff: noqa: SLF001  # see above: one class in two files

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from nonecorn.spi import ClientDisconnectedError, LocalProtocolError

if TYPE_CHECKING:
    from nonecorn.builtin.http.stream import HTTPStream
    from nonecorn.spi import Headers, Message

_READ_SIZE = 65536
_GONE = "the client has disconnected"
_START, _HEAD, _BODY, _TRAILERS = range(4)  # phases, as in stream.py


async def handle(stream: HTTPStream, kind: str, message: Message) -> None:
    """Handle any message but start and body, before the response is done.

    Raises:
        LocalProtocolError: Unknown, invalid, or out of turn.
        ClientDisconnectedError: The client left.
        OSError: A file cannot be read.
    """
    if kind == "http.response.trailers":
        _trailers(stream, message)
    elif kind == "http.response.early_hint":
        # Before the start (wording of 2026); after it too, while nothing is on the wire.
        _expect_phase(stream, kind, _START, _HEAD)
        links = [(b"link", link) for link in message["links"]]
        if links:
            stream._exchange.inform(stream, 103, links)
    elif kind == "http.response.pathsend":
        _expect_phase(stream, kind, _HEAD)
        await _send_path(stream, message["path"])
    elif kind == "http.response.zerocopysend":
        _expect_phase(stream, kind, _HEAD, _BODY)
        await _send_open_file(stream, message)
    elif kind == "http.response.push" and stream._exchange.can_push:
        _expect_phase(stream, kind, _HEAD, _BODY)
        stream._exchange.push(stream, message["path"].encode("ascii"), message["headers"])
    else:
        error = f"unknown message type {kind!r}"
        raise LocalProtocolError(error)


def _expect_phase(stream: HTTPStream, kind: str, *phases: int) -> None:
    if stream._phase not in phases:
        error = f"{kind!r} cannot be sent now: {stream!r}"
        raise LocalProtocolError(error)


def accepts_trailers(headers: Headers) -> bool:
    """The request said `TE: trailers` (RFC 9110 section 10.1.4)."""
    return any(
        item.strip().lower() == b"trailers"
        for name, value in headers
        if name == b"te"
        for item in value.split(b",")
    )


def _trailers(stream: HTTPStream, message: Message) -> None:
    if stream._trailers is None:
        error = "trailers were not announced: http.response.start had no 'trailers': True"
        raise LocalProtocolError(error)
    _expect_phase(stream, "http.response.trailers", _TRAILERS)
    stream._trailers += message.get("headers", ())
    if not message.get("more_trailers", False):
        stream._exchange.trailers(stream, stream._trailers)
        stream._finish("")


async def _send_path(stream: HTTPStream, path: str) -> None:
    """Send a whole file. It is opened before the head leaves, so that a missing one can still
    become another response.
    """
    opened: list[int] = []
    abandoned: list[bool] = []
    try:
        try:
            if not os.path.isabs(path):  # noqa: PTH117  # of a str, without a Path
                error = f"http.response.pathsend wants an absolute path, not {path!r}"
                raise LocalProtocolError(error)
            await stream._context.runtime.run_in_thread(_open, path, opened, abandoned)
            size = _size(stream, opened[0], path)
        except (OSError, ValueError, TypeError, LocalProtocolError):
            stream._withdraw_start()
            raise
        if stream._gone:
            raise ClientDisconnectedError(_GONE)
        await _send(stream, opened[0], 0, size, end=True)
    finally:
        abandoned.append(True)
        _close(opened)


def _open(path: str, opened: list[int], abandoned: list[bool]) -> None:
    """In a thread, which goes on where its request is cancelled: whoever is later closes."""
    opened.append(os.open(path, os.O_RDONLY | _OPEN_FLAGS))
    if abandoned:
        _close(opened)


def _close(opened: list[int]) -> None:
    try:
        file = opened.pop()
    except IndexError:
        return
    os.close(file)


def _size(stream: HTTPStream, file: int, path: str) -> int:
    """Size of a regular file, which becomes the response's length where it has none."""
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode):
        error = f"{path!r} is not a file"
        raise LocalProtocolError(error)
    size = facts.st_size
    declared = [value for name, value in stream._headers if name.lower() == b"content-length"]
    if not declared:
        stream._headers = [*stream._headers, (b"content-length", b"%d" % size)]
    elif declared[0].strip() != b"%d" % size and stream.status != 304:
        error = f"content-length said {declared[0]!r}, {path!r} has {size} bytes"
        raise LocalProtocolError(error)
    return size


async def _send_open_file(stream: HTTPStream, message: Message) -> None:
    """Send a part of a file that the application opened, and will close."""
    file = message["file"]
    offset = message.get("offset")
    count = message.get("count")
    moves = offset is None
    try:
        descriptor: int = file if isinstance(file, int) else file.fileno()
        if offset is None:
            offset = _position(file)
        if count is None:
            count = max(0, os.fstat(descriptor).st_size - offset)
        if offset < 0 or count < 0:
            error = f"http.response.zerocopysend wants no offset {offset} and no count {count}"
            raise LocalProtocolError(error)
    except Exception:
        stream._withdraw_start()
        raise
    await _send(stream, descriptor, offset, count, end=not message.get("more_body", False))
    if moves:
        _move(file, offset + count)


def _position(file: Any) -> int:
    # A file object may have read ahead of what its user has seen: ask it, not the descriptor.
    position: int = os.lseek(file, 0, os.SEEK_CUR) if isinstance(file, int) else file.tell()
    return position


def _move(file: Any, position: int) -> None:
    if isinstance(file, int):
        os.lseek(file, position, os.SEEK_SET)
    else:
        file.seek(position)


async def _send(stream: HTTPStream, file: int, offset: int, count: int, *, end: bool) -> None:
    exchange = stream._exchange
    if stream.scope["method"] == "HEAD" or stream.status in (204, 304):
        count = 0
    if stream._phase == _HEAD:
        stream._respond(b"", end and not count)
    elif not count:
        exchange.body(stream, b"", end)
    if count:
        try:
            if exchange.zero_copy:
                await exchange.sendfile(stream, file, offset, count, end)
                stream._sent += count
            else:
                await _copy(stream, file, offset, count, end=end)
        except ClientDisconnectedError:
            stream._fail("client-gone")
            raise
        except BaseException:
            stream._fail("app-error")
            raise
    if end:
        stream._body_ended()


async def _copy(stream: HTTPStream, file: int, offset: int, count: int, *, end: bool) -> None:
    """The same where the socket cannot take files: read in a thread, at the client's pace."""
    run_in_thread = stream._context.runtime.run_in_thread
    left = count
    while left:
        data: bytes = await run_in_thread(
            _read_at, file, min(left, _READ_SIZE), offset + count - left
        )
        if not data:
            error = f"the file ended {left} bytes before the response did"
            raise LocalProtocolError(error)
        left -= len(data)
        if stream._gone:
            raise ClientDisconnectedError(_GONE)
        stream._exchange.body(stream, data, end and not left)
        stream._sent += len(data)
        if stream.blocked is not None and left:
            await stream._taken()


def _read_at_by_seeking(file: int, size: int, offset: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, size)


_read_at: Any = getattr(os, "pread", _read_at_by_seeking)  # Windows has no pread
_OPEN_FLAGS = (
    getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)
