"""An open file's bytes, or parts of them, on their way: by the kernel, or read in threads."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from typing import Any

from nonecorn.spi import LocalProtocolError, Runtime, Scope, Send
from nonecorn_static._files import Variant
from nonecorn_static._opening import mark_of, open_file
from nonecorn_static._ranges import Range

_READ = 131072

_CHANGED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP})
"""Errors that say that it is not there any more as it was; others are the file system's."""


class ChangedError(Exception):
    """The file is not any more what it was when it was looked at."""


class OpenedVariant:
    """A file that is open while it is sent.

    What is sent is what was opened, so that its tag, its length and its bytes belong together,
    whatever happens to the name meanwhile. A thread that opens it goes on where its request is
    cancelled: whoever of `open` and `close` is later closes the file.
    """

    __slots__ = ("_closed", "_descriptors", "_variant")

    def __init__(self, variant: Variant) -> None:
        self._variant = variant
        self._descriptors: list[int] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"<OpenedVariant {self._variant.path!r} {'closed' if self._closed else 'open'}>"

    def open(self) -> int:
        """Its descriptor. In a thread.

        Raises:
            ChangedError: It is another file than the one that was found, or gone.
        """
        try:
            file, facts = open_file(self._variant.path, self._variant.base)
        except OSError as error:
            if error.errno not in _CHANGED:
                raise
            raise ChangedError from error
        self._descriptors.append(file)
        if self._closed or mark_of(facts) != self._variant.mark:
            self.close()
            raise ChangedError
        return file

    def close(self) -> None:
        """Close it, now or once it is open."""
        self._closed = True
        with contextlib.suppress(IndexError):  # not open yet, or the other's
            os.close(self._descriptors.pop())


async def send_file(
    runtime: Runtime,
    scope: Scope,
    send: Send,
    file: int,
    ranges: Sequence[Range],
    frames: Sequence[bytes] = (),
) -> None:
    """Send parts of an open file, after the response's head.

    Args:
        runtime: Whose threads read, where the server sends no files.
        scope: Says whether it does.
        send: The server's.
        file: Descriptor.
        ranges: Which parts.
        frames: What stands before each of them, and at the end; empty for nothing.
    """
    zero_copy = "http.response.zerocopysend" in scope.get("extensions", {})
    for index, (start, stop) in enumerate(ranges):
        more = bool(frames) or index + 1 < len(ranges)
        if frames:
            await send({"type": "http.response.body", "body": frames[index], "more_body": True})
        if zero_copy:
            await send(
                {
                    "type": "http.response.zerocopysend",
                    "file": file,
                    "offset": start,
                    "count": stop - start,
                    "more_body": more,
                }
            )
        else:
            await _copy(runtime, send, file, start, stop, more=more)
    if frames:
        await send({"type": "http.response.body", "body": frames[-1]})


async def _copy(
    runtime: Runtime, send: Send, file: int, start: int, stop: int, *, more: bool
) -> None:
    while start < stop:
        data = await runtime.run_in_thread(_read_at, file, min(_READ, stop - start), start)
        if not data:
            message = f"a file ended {stop - start} bytes before the response that it is sent in"
            raise LocalProtocolError(message)
        start += len(data)
        await send({"type": "http.response.body", "body": data, "more_body": more or start < stop})


def _read_at_by_seeking(file: int, size: int, offset: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, size)


_read_at: Any = getattr(os, "pread", _read_at_by_seeking)  # Windows has no pread
