"""The contracts that this plugin keeps."""

from __future__ import annotations

from nonecorn.testing import make_app_context
from nonecorn.testing.apps import hello
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn_dispatcher import Dispatcher
from nonecorn_dispatcher._middleware import make


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_dispatcher.plugin"
    name = "dispatcher"


def with_apps(app, options, context):
    return make(app, options, make_app_context(context.settings, apps={"other:app": hello}))


class TestDefault(MiddlewareConformance):
    middleware = staticmethod(with_apps)
    options = {"mounts": [{"path": "/other", "app": "other:app"}]}  # noqa: RUF012


def mounted(app, options, context):
    """The application of the rules is the mounted one, and there is no other."""
    opening = make_app_context(context.settings, apps={"this:app": app})
    return Dispatcher(make(hello, options, opening)._mounts)


class TestMounted(MiddlewareConformance):
    middleware = staticmethod(mounted)
    options = {"mounts": [{"path": "/here", "app": "this:app"}]}  # noqa: RUF012
    scope = {"path": "/here/a"}  # noqa: RUF012

    def test_m07_lifespan_passes(self) -> None:
        """Its state is its own: see test_dispatcher_lifespan."""
