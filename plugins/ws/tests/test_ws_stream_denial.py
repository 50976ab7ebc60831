"""A response in place of a WebSocket."""

import pytest

from nonecorn.spi import LocalProtocolError
from nonecorn.testing import Gate
from plugins.ws.tests._opened import ACCEPT, HANDSHAKE, Opened

START = {
    "type": "websocket.http.response.start",
    "status": 401,
    "headers": [(b"www-authenticate", b"Basic")],
}


def denying(*messages, **more):
    raised = []

    async def app(scope, receive, send):
        await receive()
        for message in messages:
            try:
                await send(message)
            except LocalProtocolError as error:
                raised.append(error)

    return Opened(app, **more), raised


def body(data, *, more=False):
    return {"type": "websocket.http.response.body", "body": data, "more_body": more}


def test_head_and_body_leave_together():
    opened, raised = denying(START, body(b"no"))
    assert opened.exchange.calls == [("respond", 401, START["headers"], b"no", True, False)]
    [record] = opened.records
    assert (record.status, record.headers, record.sent) == (401, START["headers"], 2)
    assert (record.reason, record.scope["type"], raised) == ("", "websocket", [])
    assert len(opened.started) == 1


def test_the_body_may_come_in_parts_and_wait_for_the_client():
    opened, _ = denying(START, body(b"a", more=True), body(b"b", more=True), body(b"c"))
    assert opened.exchange.content == b"abc"
    assert opened.records[0].sent == 3

    sent = []

    async def app(scope, receive, send):
        await send(START)
        blocked.block()
        for part in (b"a", b"b"):
            await send(body(part, more=True))
            sent.append(part)
        await send(body(b""))

    blocked = Opened(app, spawn=False)
    blocked.spawn()
    assert sent == []
    blocked.unblock()
    assert sent == [b"a", b"b"]
    assert blocked.exchange.ended


@pytest.mark.parametrize("zero_copy", [True, False])
def test_every_feature_of_responses_is_there(tmp_path, zero_copy):
    path = tmp_path / "page"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        opened, raised = denying(
            {"type": "websocket.http.response.early_hint", "links": [b"</a>"]},
            {**START, "trailers": True},
            body(b"a", more=True),
            {"type": "websocket.http.response.zerocopysend", "file": file, "offset": 8},
            {"type": "websocket.http.response.trailers", "headers": [(b"x-t", b"1")]},
            headers=[*HANDSHAKE, (b"te", b"trailers")],
            zero_copy=zero_copy,
            port={"zero_copy": zero_copy},
        )
    assert raised == []
    assert opened.exchange.interim == [(103, [(b"link", b"</a>")])]
    assert opened.exchange.content == b"a89"
    assert opened.exchange.trailer_fields == [(b"x-t", b"1")]
    opened, raised = denying(
        START,
        {"type": "websocket.http.response.pathsend", "path": str(path)},
        zero_copy=zero_copy,
        port={"zero_copy": zero_copy},
    )
    assert opened.exchange.content == b"0123456789"
    assert opened.records[0].sent == 10


def test_nothing_else_can_be_sent_while_denying_and_afterwards():
    late = {"type": "websocket.close"}
    opened, raised = denying(START, ACCEPT, {"type": "websocket.send", "text": "a"}, late)
    assert len(raised) == 3
    assert opened.exchange.status == 500  # it returned without a response
    opened, raised = denying(START, body(b""), late)
    assert raised == []


def test_a_start_that_cannot_be_sent_may_be_replaced():
    opened, raised = denying({**START, "status": 99}, body(b"x"))
    assert opened.exchange.calls[0][1] == 99  # this exchange checks nothing
    messages = ({**START, "status": 200}, body(b"x"), START, body(b"y"))
    key = b"sec-websocket-key"
    headers = [field for field in HANDSHAKE if field[0] != key]
    opened, raised = denying(*messages, version="2", headers=headers)
    assert [call[1] for call in opened.exchange.calls] == [401]
    assert "200 does not refuse a WebSocket" in str(raised[0])
    opened, raised = denying(*messages[:2])
    assert (opened.exchange.status, raised) == (200, [])


@pytest.mark.parametrize("begun", [True, False])
def test_a_response_that_is_not_completed_is_broken_off(begun, caplog):
    opened, _ = denying(START, *([body(b"a", more=True)] if begun else []))
    assert opened.exchange.was_reset == begun
    [record] = opened.records
    assert (record.status, record.reason) == (401 if begun else 500, "app-error")
    assert len(caplog.records) == 1


def test_a_client_that_goes_meanwhile_is_told_of():
    received, raised = [], []

    async def app(scope, receive, send):
        await receive()
        await send(START)
        await send(body(b"a", more=True))
        received.append(await receive())
        try:
            await send(body(b"b"))
        except OSError as error:
            raised.append(error)

    opened = Opened(app)
    opened.stream.disconnect()
    opened.runtime.run_until_idle()
    assert received == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]
    assert len(raised) == 1
    assert (opened.records[0].status, opened.records[0].reason) == (401, "client-gone")


def test_stopping_lets_a_response_finish():
    gate = Gate()

    async def app(scope, receive, send):
        await send(START)
        await gate.wait()
        await send(body(b"a"))

    opened = Opened(app)
    opened.stream.shutdown()
    gate.open()
    opened.runtime.run_until_idle()
    assert (opened.exchange.status, opened.exchange.content) == (401, b"a")
    assert "Denial status=401" in repr(opened.stream._denial)
