"""`wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").

A wrapper is an iterable like any other. Where the application returns it as it is, and it holds a
file that the kernel can send, the file is handed to the server instead of being read: the thread is
free while the client downloads.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
from typing import Any

from nonecorn.spi import Message

BLOCK = 65536
"""Bytes read at once where the application does not say."""


class FileWrapper:
    """Iterates over a file-like object in blocks.

    Args:
        filelike: Has `read(size)`, which returns bytes; its `close()` is called at the end, if it
            has one.
        block_size: Bytes.
    """

    __slots__ = ("block_size", "close", "filelike")

    def __init__(self, filelike: Any, block_size: int = BLOCK) -> None:
        self.filelike = filelike
        self.block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __repr__(self) -> str:
        return f"<FileWrapper {self.filelike!r}>"

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        data: bytes = self.filelike.read(self.block_size)
        if not data:
            raise StopIteration
        return data

    def message(self, length: int) -> tuple[Message, int] | None:
        """The ASGI message that sends the rest of the file, and its size; None where only reading
        will do.

        Args:
            length: Most bytes to send; -1 for all there are.
        """
        file = _plain(self.filelike)
        if file is None:
            return None
        try:
            facts = os.fstat(file.fileno())
            offset = file.tell()
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(facts.st_mode):
            return None
        count = max(0, facts.st_size - offset)
        if length >= 0:
            count = min(count, length)
        message = {
            "type": "http.response.zerocopysend",
            "file": file,
            "offset": offset,
            "count": count,
            "more_body": False,
        }
        return message, count


def _plain(filelike: Any) -> Any:
    """The file whose bytes are those that `filelike` would read.

    Having a descriptor is not enough: a `GzipFile` has that of the compressed file.
    """
    if isinstance(filelike, tempfile._TemporaryFileWrapper):  # noqa: SLF001  # it has no other name
        filelike = filelike.file
    raw = filelike.raw if type(filelike) in (io.BufferedReader, io.BufferedRandom) else filelike
    return filelike if type(raw) is io.FileIO else None
