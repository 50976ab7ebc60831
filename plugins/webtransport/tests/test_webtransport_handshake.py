"""How a session begins, or does not."""

import pytest

from nonecorn.spi import LocalProtocolError
from nonecorn.testing.clients.h3_frames import H3Frames, settings
from nonecorn_h3._http._connection import H3Connection
from plugins.webtransport.tests._opened import ACCEPT, Opened


def test_it_is_offered():
    opened = Opened(max_sessions=7)
    offered = opened.client.http.received_settings
    assert {0x2B603742: 1, 0xC671706A: 7, 0x08: 1, 0x33: 1}.items() <= offered.items()


def test_the_scope():
    opened = Opened(headers=[("origin", "https://a.example")])
    [scope] = opened.scopes
    assert opened.started == [scope]
    assert opened.connect.status == 200
    known = {key: scope[key] for key in ("type", "http_version", "scheme", "path", "subprotocols")}
    assert known == {
        "type": "webtransport", "http_version": "3", "scheme": "https", "path": "/wt",
        "subprotocols": [],
    }  # fmt: skip
    assert scope["headers"] == [(b"host", b"test"), (b"origin", b"https://a.example")]
    assert scope["extensions"]["webtransport.datagram"] == {"max_size": 1199}
    assert repr(opened.context.running) != "set()"
    assert " object at " not in repr(opened.context.running)


def test_a_client_of_draft_02_is_told_so():
    opened = Opened(headers=[("sec-webtransport-http3-draft02", "1")])
    assert opened.connect.headers == [(b"sec-webtransport-http3-draft", b"draft02")]
    assert Opened().connect.headers == []


def test_headers_and_a_subprotocol_go_with_the_answer():
    async def app(scope, receive, send):
        await receive()
        await send({**ACCEPT, "subprotocol": scope["subprotocols"][1], "headers": [(b"x", b"y")]})
        await receive()

    opened = Opened(app, headers=[("wt-available-protocols", '"a", "b"')])
    assert opened.connect.headers == [(b"wt-protocol", b'"b"'), (b"x", b"y")]


@pytest.mark.parametrize(
    ("message", "status", "headers"),
    [
        ({}, 403, []),
        ({"status": 401, "headers": [(b"x", b"y")]}, 401, [(b"x", b"y")]),
    ],
)
def test_a_session_is_refused(message, status, headers):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "webtransport.close", **message})
        opened.received.append(await receive())
        with pytest.raises(OSError, match="closed"):
            await send(ACCEPT)
        await send({"type": "webtransport.close"})  # closed it is

    opened = Opened(app, connect=False)
    response = opened.ask()
    assert (response.status, response.complete) == (status, True)
    assert set(headers) <= set(response.headers)
    assert opened.last() == {"type": "webtransport.disconnect", "code": None, "reason": ""}
    assert [record.status for record in opened.records] == [status]


@pytest.mark.parametrize("status", [200, 299, 600, "403", True])
def test_only_what_refuses_refuses(status):
    raised = []

    async def app(scope, receive, send):
        await receive()
        try:
            await send({"type": "webtransport.close", "status": status})
        except LocalProtocolError as error:
            raised.append(str(error))
            raise

    assert Opened(app).connect.status == 500
    assert raised == [f"{status!r} does not refuse a session: 300 to 599 do"]


@pytest.mark.parametrize("how", ["returns", "raises"])
def test_an_application_that_does_not_answer_is_answered_for(how, caplog):
    async def app(scope, receive, send):
        await receive()
        if how == "raises":
            raise LookupError("of the application")

    opened = Opened(app)
    assert opened.connect.status == 500
    assert [record.reason for record in opened.records] == ["app-error"]
    assert "webtransport /wt: the application" in caplog.text


@pytest.mark.parametrize(("how", "status"), [("returns", 404), ("raises", 501)])
def test_an_application_that_knows_no_such_scope_fills_no_log(how, status, caplog):
    async def app(scope, receive, send):
        if how == "raises":
            raise AssertionError(scope["type"])

    opened = Opened(app)
    assert [opened.connect.status, opened.ask().status] == [status] * 2
    assert [record.reason for record in opened.records] == ["not-served"] * 2
    [line] = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert "--no-plugin webtransport" in line
    assert not [each for each in caplog.records if each.exc_info]


def test_sessions_of_a_connection_are_bounded():
    opened = Opened(max_sessions=2)
    second = opened.ask()
    third = opened.ask()
    assert [second.status, third.status] == [200, 429]
    opened.capsule(0x2843, b"\0\0\0\0", end=True)
    assert opened.ask().status == 200
    assert [record.reason for record in opened.records][:2] == ["too-many-sessions", ""]


def test_a_session_waits_for_the_clients_settings():
    opened = Opened(connect=False)
    one = H3Frames(lambda port: H3Connection(opened.context, port), opened.runtime)
    fields = [(b":method", b"CONNECT"), (b":scheme", b"https"), (b":authority", b"test"),
              (b":path", b"/"), (b":protocol", b"webtransport")]  # fmt: skip
    stream = one.open(one.headers(fields))
    assert opened.scopes == []
    one.open(b"\0" + settings((0x33, 1)), bidirectional=False)
    assert one.status(stream) == 200
    assert opened.scopes[0]["extensions"]["webtransport.datagram"] == {"max_size": 1199}


def test_a_client_that_goes_before_its_settings_is_forgotten():
    opened = Opened(connect=False)
    one = H3Frames(lambda port: H3Connection(opened.context, port), opened.runtime)
    fields = [(b":method", b"CONNECT"), (b":scheme", b"https"), (b":authority", b"test"),
              (b":path", b"/"), (b":protocol", b"webtransport")]  # fmt: skip
    stream = one.open(one.headers(fields))
    one.reset(stream)
    one.open(b"\0" + settings((0x33, 1)), bidirectional=False)
    assert opened.scopes == []
    assert not opened.context.running
    assert [record.reason for record in opened.records] == ["client-gone"]


def test_a_connect_that_has_ended_is_none():
    opened = Opened(connect=False)
    response = opened.client.request("CONNECT", "/", [(":protocol", "webtransport")])
    opened.client.pump()
    assert response.status == 400


def test_what_comes_before_the_answer_is_kept():
    opened = Opened(held="accept")
    stream = opened.open(b"early")
    opened.capsule(0x00, b"datagram")
    opened.datagram(b"lost")  # nobody is there for it yet
    assert opened.port.owed > 0
    opened.release()
    assert opened.connect.status == 200
    assert {"type": "webtransport.datagram.receive", "data": b"datagram"} in opened.received
    assert opened.received[-1] == {
        "type": "webtransport.stream.receive", "stream": stream, "data": b"early",
        "end_stream": False,
    }  # fmt: skip
    assert len(opened.received) == 3
    assert opened.port.owed == 0


def test_over_other_versions_there_is_none():
    from nonecorn_webtransport import _handshake as handshake

    for version in ("1.1", "2"):
        with pytest.raises(Exception, match="501"):
            handshake.read(version, [], has_body=True)


def test_a_worker_that_stops_takes_no_sessions():
    opened = Opened(connect=False)
    opened.context.draining = True
    assert opened.ask().status == 503
