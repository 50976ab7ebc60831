"""The contracts that this plugin keeps."""

from __future__ import annotations

from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn_proxy_fix._middleware import make


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_proxy_fix.plugin"
    name = "proxy_fix"


class TestBelieving(MiddlewareConformance):
    middleware = staticmethod(make)
    options = {"trusted": ["127.0.0.1"]}  # noqa: RUF012
    scope = {  # noqa: RUF012
        "headers": [
            (b"host", b"test"),
            (b"x-forwarded-for", b"192.0.2.1"),
            (b"x-forwarded-proto", b"https"),
        ]
    }


class TestStripping(MiddlewareConformance):
    middleware = staticmethod(make)
    options = {"trusted": ["10.0.0.0/8"]}  # noqa: RUF012
    scope = {"headers": [(b"host", b"test"), (b"x-forwarded-for", b"192.0.2.1")]}  # noqa: RUF012
