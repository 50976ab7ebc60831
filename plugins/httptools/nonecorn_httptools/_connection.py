"""HTTP/1.1 with field lines parsed by httptools, the binding of llhttp.

llhttp is made to read connections; here it reads the field lines of one head at a time, behind
a request line that is always the same, since framing and order are `nonecorn_http1`'s, alike
for every engine. One parser serves all connections of a listener. Where a field makes llhttp
expect that its connection ends or becomes another protocol's, the parser is replaced.
"""

from __future__ import annotations

import httptools

from nonecorn.spi import Headers, RemoteProtocolError
from nonecorn_http1 import Http1Connection, ParseFields

_MOST_NAMES = 1024
_NAME_SIZE = 64


class FieldParser:
    """Parses field lines; see `nonecorn_http1.ParseFields`."""

    __slots__ = ("_headers", "_names", "_parser", "_reusable")

    def __init__(self) -> None:
        self._headers: Headers = []
        self._names: dict[bytes, bytes] = {}
        self._reusable = False
        self._parser = httptools.HttpRequestParser(self)

    def __repr__(self) -> str:
        return f"<FieldParser names={len(self._names)}>"

    def __call__(self, lines: list[bytes]) -> Headers:
        """Parse field lines.

        Raises:
            RemoteProtocolError: 400, llhttp refuses one.
        """
        self._headers = []
        self._reusable = False
        try:
            self._parser.feed_data(b"GET / HTTP/1.1\r\n%b\r\n\r\n" % b"\r\n".join(lines))
        except httptools.HttpParserUpgrade:
            pass  # the head was read; whether to upgrade is not llhttp's to say
        except httptools.HttpParserError as error:
            self._parser = httptools.HttpRequestParser(self)
            raise RemoteProtocolError(400, "llhttp") from error
        if not self._reusable:
            self._parser = httptools.HttpRequestParser(self)
        return self._headers

    # Called by httptools --------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field. Names are kept, since clients send the same ones again and again."""
        names = self._names
        lower = names.get(name)
        if lower is None:
            lower = name.lower()
            if len(names) < _MOST_NAMES and len(name) <= _NAME_SIZE:
                names[name] = lower
        self._headers.append((lower, value.strip()))

    def on_message_complete(self) -> None:
        """The message ends with its head; only now does llhttp know whether it would read
        another.
        """
        self._reusable = self._parser.should_keep_alive()


class HttptoolsConnection(Http1Connection):
    """The fast engine."""

    __slots__ = ()

    @classmethod
    def field_parser(cls) -> ParseFields:
        """See `Http1Connection.field_parser`."""
        return FieldParser()
