"""`Upgrade: h2c`, by HTTP/1.1 of both engines, with h2 as the client after it."""

from __future__ import annotations

import base64

import pytest

from nonecorn.spi import UpgradeRequest
from nonecorn.testing import MemoryRuntime, make_context
from nonecorn.testing.apps import Recorder, hello
from nonecorn.testing.clients.h2_frames import PREFACE, H2Frames
from nonecorn_h2._settings import H2Settings
from nonecorn_h2._upgrade import accept_h2c
from nonecorn_h11._connection import H11Connection
from nonecorn_httptools._connection import HttptoolsConnection

PAYLOAD = base64.urlsafe_b64encode(b"\x00\x04\x00\x00\x00\x05").rstrip(b"=").decode()
HEAD = (
    "{method} /path?query HTTP/1.1\r\nhost: me\r\ncookie: a=1\r\nconnection: Upgrade, X-Hop, "
    "HTTP2-Settings\r\nx-hop: 1\r\nupgrade: h2c\r\nhttp2-settings: {settings}\r\n\r\n"
)
ACK = b"\x00\x00\x00\x04\x01\x00\x00\x00\x00"
EMPTY = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def context(app, runtime, **options):
    return make_context(app, runtime, protocol_upgrades={b"h2c": accept_h2c}, **options)


def upgraded(app, engine=H11Connection, rest: bytes = b"", method: str = "GET") -> H2Frames:
    runtime = MemoryRuntime()
    made = context(app, runtime)
    one = H2Frames(lambda port: engine(made, port), runtime)
    one.port.receive(HEAD.format(settings=PAYLOAD, method=method).encode() + rest)
    one.runtime.run_until_idle()
    sent = one.port.sent
    head, _, after = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    one.port._taken = len(sent) - len(after)
    one.read()
    return one


@pytest.mark.parametrize("engine", [H11Connection, HttptoolsConnection])
def test_the_request_is_stream_1(engine):
    app = Recorder()
    one = upgraded(app, engine)
    [request] = app.requests
    scope = request.scope
    assert (scope["http_version"], scope["raw_path"], scope["query_string"]) == (
        "2", b"/path", b"query",
    )  # fmt: skip
    assert scope["headers"] == [(b"host", b"me"), (b"cookie", b"a=1")]
    assert one.status(1) == 200
    one.send(PREFACE + EMPTY + ACK)
    one.send(one.headers(3, end=True))
    assert one.status(3) == 200


def test_the_settings_hold_from_the_beginning():
    one = upgraded(hello)
    assert one.body(1) == b"Hello", "the window is 5"
    one.send(PREFACE + EMPTY, b"\x00\x00\x04\x08\x00\x00\x00\x00\x01\x00\x00\x00\x08")
    assert one.body(1) == b"Hello, world!"


def test_what_follows_the_request_at_once_is_taken():
    one = upgraded(Recorder(), rest=PREFACE + EMPTY)
    assert one.port.protocol.engine.greeted


def test_a_head_request_has_no_body():
    one = upgraded(hello, method="HEAD")
    assert (one.status(1), one.body(1)) == (200, b"")


def test_another_preface_after_it_is_a_fault():
    one = upgraded(hello, rest=b"GET / HTTP/1.1\r\n\r\n")
    assert [code for _, code in one.goaways] == [1]


def request(*fields: tuple[str, str], target: str = "/") -> UpgradeRequest:
    return UpgradeRequest(
        method=b"GET",
        target=target.encode(),
        headers=[(name.encode(), value.encode()) for name, value in fields],
    )


GOOD = [("host", "a"), ("connection", "upgrade, http2-settings"), ("http2-settings", PAYLOAD)]
NOT_TAKEN = {
    "no settings": GOOD[:2],
    "settings twice": [*GOOD, GOOD[2]],
    "settings that Connection does not list": [GOOD[0], ("connection", "upgrade"), GOOD[2]],
    "an upgrade that is not listed": [GOOD[0], ("connection", "http2-settings"), GOOD[2]],
    "settings that are no base64": [*GOOD[:2], ("http2-settings", "!!!!")],
    "settings of the other base64": [*GOOD[:2], ("http2-settings", "AA+/AAAA")],
    "settings that are cut": [*GOOD[:2], ("http2-settings", PAYLOAD[:4])],
    "a setting that cannot be": [*GOOD[:2], ("http2-settings", "AAUAAAAF")],
    "settings that are endless": [*GOOD[:2], ("http2-settings", "AAAA" * 1000)],
    "no host": GOOD[1:],
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_TAKEN)
def test_a_request_that_is_not_in_order_stays_with_http_1(case):
    runtime = MemoryRuntime()
    port = runtime.connect(lambda port: H11Connection(context(hello, runtime), port))
    assert accept_h2c(context(hello, runtime), port, request(*NOT_TAKEN[case])) is None
    assert accept_h2c(context(hello, runtime), port, request(*GOOD)) is not None


def test_it_can_be_switched_off():
    runtime = MemoryRuntime()
    made = context(hello, runtime, settings=(H2Settings(upgrade=False),))
    port = runtime.connect(lambda port: H11Connection(made, port))
    answer = port.exchange(HEAD.format(settings=PAYLOAD, method="GET").encode())
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_there_is_none_over_tls():
    runtime = MemoryRuntime()
    made = context(hello, runtime)
    port = runtime.connect(lambda port: H11Connection(made, port), tls=object())
    assert accept_h2c(made, port, request(*GOOD)) is None
