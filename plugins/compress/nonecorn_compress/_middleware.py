"""The layer: what the client takes best, by its `Accept-Encoding`, where a response gains by it."""

from __future__ import annotations

from typing import Any

from nonecorn.spi import (
    AppContext,
    ASGIApp,
    ConfigError,
    Receive,
    Scope,
    Send,
    choose_coding,
    read_options,
)
from nonecorn_compress._codecs import Coding, CodingMissingError, load_codings
from nonecorn_compress._fields import matcher
from nonecorn_compress._options import CompressOptions
from nonecorn_compress._response import Response

_LABEL = "middleware compress"
_MOST_KNOWN = 256


def compress(app: ASGIApp, options: dict[str, Any], _context: AppContext) -> ASGIApp:
    """See `nonecorn.spi.Middleware`; options are those of `CompressOptions`."""
    return Compress(app, **options)


def check(options: dict[str, Any], _context: AppContext) -> None:
    """See `nonecorn.spi.MiddlewareCheck`."""
    _read(options)


class Compress:
    """An ASGI application that compresses the responses of another.

    Args:
        app: The application.
        **options: Those of `[[middleware]]`; see `CompressOptions`.

    Raises:
        ConfigError: An option is unknown or has an unusable value, or a library is missing.
    """

    __slots__ = ("_app", "_codings", "_known", "_matches", "_minimum", "_names")

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        read, codings = _read(options)
        self._app = app
        self._codings = {coding.name: coding for coding in codings}
        self._names = tuple(self._codings)
        self._matches = matcher(read.types)
        self._minimum = read.minimum_size
        # What clients send is the same few values.
        self._known: dict[bytes, Coding | None] = {}

    def __repr__(self) -> str:
        return f"<Compress {b' '.join(self._names).decode()} over {self._minimum} bytes>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and compress its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = Response(scope, send, self._chosen(scope), self._matches, self._minimum)
        await self._app(scope, receive, response.send)
        await response.ended()

    def _chosen(self, scope: Scope) -> Coding | None:
        """What this client takes best; None for nothing."""
        accepted = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = b"%b,%b" % (accepted, value) if accepted else value
        try:
            return self._known[accepted]
        except KeyError:
            coding = self._codings.get(choose_coding(accepted, self._names))
            if len(self._known) < _MOST_KNOWN and len(accepted) < _MOST_KNOWN:
                self._known[accepted] = coding
            return coding


def _read(options: dict[str, Any]) -> tuple[CompressOptions, tuple[Coding, ...]]:
    read = read_options(CompressOptions, options, _LABEL)
    try:
        return read, load_codings(read)
    except CodingMissingError as error:
        message = f"{_LABEL}: {error}"
        raise ConfigError(message) from None
