"""HTTP/1.1 with heads parsed by httptools, the binding of llhttp.

A head is parsed whole and at once, so one parser serves all connections of a worker:
`HeadParser`. llhttp knows a closed list of methods; a method that it does not know is shown to
it as GET, since `nonecorn_http1` has checked and kept the real one. Framing is
`nonecorn_http1`'s too, alike for every engine, so a parser whose message is not complete with
its head, because a body or an upgrade follows, is replaced.
"""

from __future__ import annotations

import httptools

from nonecorn.spi import Context, Headers, Port, RemoteProtocolError
from nonecorn_http1 import Http1Connection, without_framing

_MOST_NAMES = 1024


class HeadParser:
    """Collects the header fields of one head after another."""

    __slots__ = ("_complete", "_headers", "_names", "_parser")

    def __init__(self) -> None:
        self._headers: Headers = []
        self._names: dict[bytes, bytes] = {}
        self._complete = False
        self._parser = httptools.HttpRequestParser(self)

    def __repr__(self) -> str:
        return f"<HeadParser names={len(self._names)}>"

    def parse(self, head: bytes) -> Headers:
        """The fields of a complete head: names in lower case, values stripped.

        Raises:
            RemoteProtocolError: 400, llhttp refuses it.
        """
        try:
            return self._feed(head)
        except httptools.HttpParserInvalidMethodError:
            if head.startswith(b"GET "):
                raise RemoteProtocolError(400, "llhttp") from None
            return self.parse(b"GET" + head[head.index(b" ") :])
        except httptools.HttpParserError as error:
            # Framing is not llhttp's to judge: what it refuses for that gets its answer elsewhere.
            head, framing = without_framing(head)
            if not framing:
                raise RemoteProtocolError(400, "llhttp") from error
        headers = self.parse(head)
        for position, header in framing:
            headers.insert(position, header)
        return headers

    def _feed(self, head: bytes) -> Headers:
        self._headers = []
        self._complete = False
        parser = self._parser
        try:
            parser.feed_data(head)
            if not self._complete or not parser.should_keep_alive():
                self._parser = httptools.HttpRequestParser(self)
        except httptools.HttpParserUpgrade:
            self._parser = httptools.HttpRequestParser(self)
        except httptools.HttpParserError:
            self._parser = httptools.HttpRequestParser(self)
            raise
        return self._headers

    # Called by httptools --------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field. Names are kept, since clients send the same ones again and again."""
        names = self._names
        lower = names.get(name)
        if lower is None:
            lower = name.lower()
            if len(names) < _MOST_NAMES:
                names[name] = lower
        self._headers.append((lower, value.strip()))

    def on_message_complete(self) -> None:
        """The message ends with its head."""
        self._complete = True


class HttptoolsConnection(Http1Connection):
    """The fast engine."""

    __slots__ = ("_parse",)

    def __init__(self, context: Context, port: Port) -> None:
        super().__init__(context, port)
        parser = context.cache.get(HeadParser)
        if parser is None:
            parser = context.cache[HeadParser] = HeadParser()
        self._parse = parser.parse

    def parse_fields(self, head: bytes) -> Headers:
        """See `Http1Connection.parse_fields`."""
        headers: Headers = self._parse(head)
        return headers
