"""The plugin's own parts, without a server."""

import asyncio

import pytest
from nonecorn_echo import plugin
from nonecorn_echo._middleware import wrap
from nonecorn_echo._observer import EchoObserver, make
from nonecorn_echo._settings import EchoSettings

from nonecorn.spi import ConfigError, RequestRecord
from nonecorn.testing import make_app_context


def record(path="/", status=200, reason=""):
    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    return RequestRecord(
        scope=scope, status=status, headers=[], sent=0, received=0, duration=0.1, reason=reason
    )


def test_every_reference_of_the_descriptor_can_be_loaded():
    [observer] = plugin.nonecorn_observers()
    [middleware] = plugin.nonecorn_middleware()
    assert observer.observer.load() is make
    assert middleware.middleware.load() is wrap


def test_the_observer_counts_and_prints(capsys):
    observer = EchoObserver("echo")
    observer.request_finished(record("/a"))
    observer.request_finished(record("/b", status=None, reason="client-gone"))
    assert capsys.readouterr().out == "echo 1: GET /a 200\necho 2: GET /b client-gone\n"
    assert repr(observer) == "<EchoObserver 'echo' count=2>"


def test_a_path_cannot_break_the_line(capsys):
    EchoObserver("echo").request_finished(record("/a\nforged"))
    assert capsys.readouterr().out == "echo 1: GET /a\\nforged 200\n"


@pytest.mark.parametrize("requests", [True, False])
def test_there_is_no_observer_where_nothing_is_to_be_printed(requests):
    context = make_app_context([EchoSettings(requests=requests)])
    assert (make(context) is not None) == requests


def answer(options, path=b"/here"):
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    layer = wrap(app, options, make_app_context())
    asyncio.run(layer({"type": "http", "raw_path": path}, receive, send))
    return sent[0]["headers"]


def test_the_middleware_adds_the_path():
    assert answer({}) == [(b"a", b"b"), (b"x-echo", b"/here")]


def test_its_options_are_the_field():
    assert answer({"header": "X-Served-By", "value": "me"})[-1] == (b"x-served-by", b"me")


@pytest.mark.parametrize(
    "options", [{"headr": "x"}, {"value": 1}, {"value": "a\r\nb: c"}, {"header": "å"}]
)
def test_an_option_that_cannot_be_used_is_refused(options):
    with pytest.raises(ConfigError, match="middleware echo"):
        wrap(None, options, make_app_context())
