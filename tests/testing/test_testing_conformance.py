"""The kit's classes, proven on what ships with the kernel: each rule can be kept."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import ClassVar

import pytest

from nonecorn.builtin.http.stream import HTTPStream
from nonecorn.builtin.sockets import tcp, unix
from nonecorn.spi import AppContext, ConfigError, Observer, RequestRecord
from nonecorn.testing.apps import hello
from nonecorn.testing.conformance.app_wrapper import AppWrapperConformance
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn.testing.conformance.observer import ObserverConformance
from nonecorn.testing.conformance.stream import StreamConformance
from nonecorn.testing.conformance.transport import TransportConformance


class TestHTTPStream(StreamConformance):
    factory = staticmethod(HTTPStream)


class TestTCP(TransportConformance):
    bind = staticmethod(tcp.bind)
    bad = ("127.0.0.1:port", "127.0.0.1:99999", "[::1")

    def address(self, tmp_path: Path) -> str:
        return "127.0.0.1:0"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets")
class TestUnix(TransportConformance):
    bind = staticmethod(unix.bind)
    bad = ("unix:",)

    def address(self, tmp_path: Path) -> str:
        return f"unix:{tmp_path}/socket"


class TestBuiltinDescriptor(DescriptorConformance):
    module = "nonecorn.builtin.plugin"
    name = "builtin"


class TestH11Descriptor(DescriptorConformance):
    module = "nonecorn_h11.plugin"
    name = "h11"


class TestHttp1Descriptor(DescriptorConformance):
    module = "nonecorn_http1.plugin"
    name = "http1"


class Prefix:
    """A middleware as a plugin author would write it."""

    def __init__(self, app, options: dict[str, object], context: AppContext) -> None:
        unknown = set(options) - {"header"}
        if unknown:
            raise ConfigError(f"unknown option {min(unknown)!r} of middleware 'prefix'")
        self.app = app
        self.header = (b"x-prefix", str(options.get("header", "")).encode())

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_header(message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self.header]}
            await send(message)

        await self.app({**scope, "prefix": True}, receive, with_header)


class TestMiddleware(MiddlewareConformance):
    middleware = Prefix
    options: ClassVar = {"header": "x"}


class Count(Observer):
    """An observer as a plugin author would write it."""

    def __init__(self) -> None:
        self.records: list[RequestRecord] = []

    def request_finished(self, record: RequestRecord) -> None:
        self.records.append(record)


class TestObserver(ObserverConformance):
    make = staticmethod(lambda context: Count())


class TestAppWrapper(AppWrapperConformance):
    wrap = staticmethod(lambda app, context: app)
    detect = staticmethod(lambda app: app is hello or hasattr(app, "calls"))
    body = b"Hello, world!"

    def application(self):
        return hello
