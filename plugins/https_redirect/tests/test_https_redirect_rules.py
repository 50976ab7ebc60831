"""The contracts that this plugin keeps."""

from __future__ import annotations

from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn_https_redirect._middleware import make


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_https_redirect.plugin"
    name = "https_redirect"


class TestSecure(MiddlewareConformance):
    middleware = staticmethod(make)
    options = {"hosts": ["test"], "hsts_max_age": "1h"}  # noqa: RUF012
    scope = {"scheme": "https"}  # noqa: RUF012


class TestExempt(MiddlewareConformance):
    middleware = staticmethod(make)
    options = {"hosts": ["test"], "exempt": ["/"]}  # noqa: RUF012
