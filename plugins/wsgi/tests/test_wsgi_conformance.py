"""The interface and the middleware keep the rules of their kinds."""

from __future__ import annotations

import re
import sys
import types

import pytest

from nonecorn.spi import AppLoadError, ConfigError
from nonecorn.testing import make_app_context
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn.testing.conformance.app_wrapper import AppWrapperConformance
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn_wsgi import _interface, _mount
from nonecorn_wsgi._settings import WSGISettings


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["SCRIPT_NAME"].encode() + environ["PATH_INFO"].encode()]


@pytest.fixture
def module(monkeypatch):
    made = types.ModuleType("mounted_wsgi")
    made.app = app
    made.hello = hello
    monkeypatch.setitem(sys.modules, "mounted_wsgi", made)


class TestInterface(AppWrapperConformance):
    wrap = staticmethod(_interface.wrap)
    detect = staticmethod(_interface.detect)
    settings = (WSGISettings(),)
    threads = True
    foreign = (None, 1, "module:app", object(), [], {"type": "http"}, hello)

    def application(self):
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"hello"]

        return application


@pytest.mark.usefixtures("module")
class TestMount(MiddlewareConformance):
    middleware = staticmethod(_mount.mount)
    options = types.MappingProxyType({"app": "mounted_wsgi:app", "path": "/wsgi"})
    settings = (WSGISettings(),)


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_wsgi.plugin"
    name = "wsgi"


def mounted(**options):
    return _mount.mount(hello, options, make_app_context([WSGISettings()]))


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("path", "root", "answer"),
    [
        ("/wsgi", "", b"/wsgi"),
        ("/wsgi/", "", b"/wsgi/"),
        ("/wsgi/a/b", "", b"/wsgi/a/b"),
        ("/up/wsgi/a", "/up", b"/up/wsgi/a"),
        ("/wsgi/a", "/up", b"/up/wsgi/a"),  # a proxy has taken /up off
        ("/wsgi2", "", b"Hello, world!"),
        ("/", "", b"Hello, world!"),
    ],
)
def test_the_path_decides_who_answers(path, root, answer):
    layer = mounted(app="mounted_wsgi:app", path="/wsgi/")
    response = call(layer, make_scope(path=path, root_path=root), threads=True)
    assert response.content == answer


@pytest.mark.usefixtures("module")
def test_sockets_below_the_path_stay_the_asgi_applications():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    options = {"app": "mounted_wsgi:app", "path": "/wsgi"}
    layer = _mount.mount(app, options, make_app_context([WSGISettings()]))
    Call(layer, {**make_scope(path="/wsgi"), "type": "websocket"}).step()
    assert seen == ["websocket"]


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"path": "/x"}, "which application"),
        ({"app": "mounted_wsgi:app"}, "where to mount"),
        ({"app": "mounted_wsgi:app", "path": "x"}, "where to mount"),
        ({"app": "mounted_wsgi:app", "path": "/"}, "where to mount"),
        ({"app": "mounted_wsgi:nothing", "path": "/x"}, "no attribute 'nothing'"),
        ({"app": "no_such_module:app", "path": "/x"}, "no_such_module"),
        ({"app": "mounted_wsgi", "path": "/x"}, "package.module:attribute"),
        ({"app": "mounted_wsgi:hello", "path": "/x"}, "async"),
    ],
)
def test_a_mount_that_cannot_be_is_one_clear_line(options, problem):
    with pytest.raises(ConfigError, match=problem) as raised:
        mounted(**options)
    assert len(raised.value.problems) == 1
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("middleware wsgi: ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"path": "/x"}, "which application"),
        ({"app": "anything:app", "path": "x"}, "where to mount"),
        ({"app": "anything:app", "path": "/x/../y"}, "'/x/../y'"),
        ({"app": "anything:app", "path": "/x%20y"}, "'/x%20y'"),
        ({"app": "anything:app", "path": "/x?y"}, "'/x?y'"),
        ({"app": "anything", "path": "/x"}, "package.module:attribute"),
        ({"app": "anything:app", "pth": "/x"}, "did you mean path?"),
    ],
)
def test_a_mistake_shows_before_anything_is_imported(options, problem):
    with pytest.raises(ConfigError, match=re.escape(problem)) as raised:
        _mount.check(options, make_app_context())
    assert str(raised.value).startswith("middleware wsgi: ")
    assert "\n" not in str(raised.value)


def test_an_application_is_not_imported_to_check_its_mount():
    _mount.check({"app": "no_such_module:app", "path": "/x"}, make_app_context())


def test_async_applications_are_refused_in_one_line():
    with pytest.raises(AppLoadError, match="it is async"):
        _interface.wrap(hello, make_app_context([WSGISettings()]))
