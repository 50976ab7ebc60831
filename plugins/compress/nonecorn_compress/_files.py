"""Files that an application sends without reading them: read here, since they are to be compressed.

A piece is read and compressed in one go in a thread.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from nonecorn.spi import LocalProtocolError, Message

_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


class OpenFile:
    """A file by its path (`http.response.pathsend`).

    A thread that opens it goes on where its request is cancelled: whoever of `open` and `close` is
    later closes it.
    """

    __slots__ = ("_closed", "_files")

    def __init__(self) -> None:
        self._files: list[int] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"<OpenFile {self._files} {'closed' if self._closed else 'open'}>"

    def open(self, path: str) -> tuple[int, int]:
        """Its descriptor and its size. In a thread.

        Raises:
            OSError: It cannot be opened.
        """
        file = os.open(path, os.O_RDONLY | _FLAGS)
        self._files.append(file)
        try:
            return file, os.fstat(file).st_size
        finally:
            if self._closed:
                self.close()

    def close(self) -> None:
        """Close it, now or once it is open."""
        self._closed = True
        with contextlib.suppress(IndexError):  # not open yet, or the other's
            os.close(self._files.pop())


def part_of(message: Message) -> tuple[int, int, int]:
    """Descriptor, offset and number of bytes of an `http.response.zerocopysend`.

    Like the server, it moves the position of a file that has no offset given.

    Raises:
        OSError: The file has no descriptor, no position or no size.
    """
    file: Any = message["file"]
    descriptor: int = file if isinstance(file, int) else file.fileno()
    offset, count = message.get("offset"), message.get("count")
    moves = offset is None
    if offset is None:
        offset = os.lseek(file, 0, os.SEEK_CUR) if isinstance(file, int) else file.tell()
    if count is None:
        count = max(0, os.fstat(descriptor).st_size - offset)
    if moves:
        if isinstance(file, int):
            os.lseek(file, offset + count, os.SEEK_SET)
        else:
            file.seek(offset + count)
    return descriptor, offset, count


def read(file: int, size: int, offset: int) -> bytes:
    """Bytes of a file, at least one. In a thread.

    Raises:
        LocalProtocolError: The file has become shorter.
    """
    data: bytes = _read_at(file, size, offset)
    if not data:
        message = f"a file that is being sent ended at {offset} bytes, before the response did"
        raise LocalProtocolError(message)
    return data


def _read_at_by_seeking(file: int, size: int, offset: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, size)


_read_at: Any = getattr(os, "pread", _read_at_by_seeking)  # Windows has no pread
