"""The HTTP stream keeps the stream contract."""

from __future__ import annotations

from nonecorn.builtin.http.stream import HTTPStream
from nonecorn.testing.conformance.stream import StreamConformance


class TestHTTPStream(StreamConformance):
    factory = staticmethod(HTTPStream)
