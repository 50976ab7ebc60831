"""The content codings: how a body is compressed, piece by piece.

A window of 256 KiB is as much as pages and answers of interfaces gain from, and what bounds the
memory of a response that is under way.
"""

from __future__ import annotations

import importlib
import typing
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nonecorn_compress._options import CODINGS, CompressOptions

_WINDOW = 18
"""Logarithm of a window's size in bytes (RFC 7932 section 9.1; RFC 9659 allows zstd more)."""


_SPARE = 4
"""Encoders that are kept for the next responses."""


class Encoder(typing.Protocol):
    """Compresses one body."""

    def feed(self, data: bytes) -> bytes:
        """What comes of it so far; maybe nothing yet."""
        ...

    def flush(self) -> bytes:
        """All that the client needs to read everything that was fed."""
        ...

    def finish(self) -> bytes:
        """The end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """One content coding.

    Attributes:
        name: As in `Content-Encoding`.
        encoder: Makes an encoder, for a body of so many bytes or of unknown size (None).
        inline: Bytes that are compressed at once on the event loop, in about a millisecond; more
            go to a thread, whose use costs a tenth of that.
    """

    name: bytes
    encoder: Callable[[int | None], Encoder]
    inline: int


class CodingMissingError(Exception):
    """A library is not installed."""


def load_codings(options: CompressOptions) -> tuple[Coding, ...]:
    """The codings that the options ask for, or all that can be had.

    Raises:
        CodingMissingError: One that they name cannot be had; says what to install.
    """
    found = []
    for name in options.codings or CODINGS:
        try:
            found.append(_MAKERS[name](options))
        except ImportError as error:
            if options.codings:
                extra = {"br": "brotli"}.get(name, name)
                message = (
                    f"codings: {name} needs a library that is not installed ({error}): "
                    f"pip install 'nonecorn-compress[{extra}]'"
                )
                raise CodingMissingError(message) from None
    return tuple(found)


def _gzip(options: CompressOptions) -> Coding:
    level = options.gzip_level
    return Coding(name=b"gzip", encoder=lambda size: _Gzip(level), inline=32768)


class _Gzip:
    """RFC 1952."""

    __slots__ = ("_flush", "feed")

    def __init__(self, level: int) -> None:
        encoder = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        self.feed = encoder.compress
        self._flush = encoder.flush

    def flush(self) -> bytes:
        return self._flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._flush()


def _brotli(options: CompressOptions) -> Coding:
    try:
        library = importlib.import_module("brotli")
    except ImportError:
        library = importlib.import_module("brotlicffi")  # the same interface, for PyPy
    quality = options.brotli_quality
    make: Any = library.Compressor

    def encoder(size: int | None) -> Encoder:
        return _Brotli(make(quality=quality, lgwin=_window(size)))

    return Coding(name=b"br", encoder=encoder, inline=32768)


class _Brotli:
    """RFC 7932."""

    __slots__ = ("feed", "finish", "flush")

    def __init__(self, encoder: Any) -> None:
        self.feed: Callable[[bytes], bytes] = encoder.process
        self.flush: Callable[[], bytes] = encoder.flush
        self.finish: Callable[[], bytes] = encoder.finish


def _zstd(options: CompressOptions) -> Coding:
    try:
        library: Any = importlib.import_module("compression.zstd")  # Python 3.14
    except ImportError:
        library = importlib.import_module("backports.zstd")
    names = library.CompressionParameter
    parameters = {names.compression_level: options.zstd_level, names.window_log: _WINDOW}
    spare: list[Any] = []

    def encoder(_size: int | None) -> Encoder:
        try:
            return _Zstd(spare.pop(), spare)
        except IndexError:
            return _Zstd(library.ZstdCompressor(options=parameters), spare)

    return Coding(name=b"zstd", encoder=encoder, inline=131072)


class _Zstd:
    """RFC 8878; its window is within what RFC 9659 has every client accept.

    To make an encoder takes four times as long as to compress a small answer with it, and one that
    has ended a frame is as good as new: a few are kept.
    """

    __slots__ = ("_encoder", "_spare", "feed")

    def __init__(self, encoder: Any, spare: list[Any]) -> None:
        self._encoder = encoder
        self._spare = spare
        self.feed: Callable[[bytes], bytes] = encoder.compress

    def flush(self) -> bytes:
        flushed: bytes = self._encoder.flush(self._encoder.FLUSH_BLOCK)
        return flushed

    def finish(self) -> bytes:
        finished: bytes = self._encoder.flush(self._encoder.FLUSH_FRAME)
        if len(self._spare) < _SPARE:
            self._spare.append(self._encoder)
        return finished


_MAKERS: dict[str, Callable[[CompressOptions], Coding]] = {
    "zstd": _zstd,
    "br": _brotli,
    "gzip": _gzip,
}


def _window(size: int | None) -> int:
    """A window for a body of that size: no larger than it takes, and 10 at least (brotli's)."""
    return _WINDOW if size is None else max(10, min(_WINDOW, (size - 1).bit_length()))
