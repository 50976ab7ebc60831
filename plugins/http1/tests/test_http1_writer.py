"""Response heads: what they are made of, and what is remembered of them."""

from __future__ import annotations

import pytest

from nonecorn.spi import LocalProtocolError
from nonecorn.testing import MemoryRuntime, make_context
from nonecorn.testing.apps import hello
from nonecorn_http1 import _response
from nonecorn_http1._response import ResponseWriter, field_lines, status_line


@pytest.fixture
def runtime() -> MemoryRuntime:
    return MemoryRuntime()


def writer(
    runtime: MemoryRuntime, *common: tuple[bytes, bytes], date: bool = False
) -> ResponseWriter:
    return ResponseWriter(make_context(hello, runtime, headers=common, date_header=date))


def test_a_head_is_its_lines(runtime: MemoryRuntime) -> None:
    head = writer(runtime, (b"server", b"s")).head(200, [(b"X-A", b"1"), (b"x-b", b"")])
    assert head == (b"HTTP/1.1 200 OK\r\nx-a: 1\r\nx-b: \r\nserver: s\r\n", -1, False)


def test_upgrade_is_an_applications_to_say_in_a_426_only(runtime: MemoryRuntime) -> None:
    # RFC 9110 section 15.5.22
    headers = [(b"Upgrade", b"websocket")]
    block, _, close = writer(runtime).head(426, headers)
    assert block.endswith(b"Required\r\nconnection: upgrade\r\nupgrade: websocket\r\n")
    assert not close
    assert b"upgrade" not in writer(runtime).head(400, headers)[0].lower()


def test_a_length_is_told_and_written(runtime: MemoryRuntime) -> None:
    block, length, _ = writer(runtime).head(
        200, [(b"Content-Length", b"12"), (b"content-length", b"12")]
    )
    assert (block.count(b"content-length: 12\r\n"), length) == (1, 12)


@pytest.mark.parametrize(
    "value", [b"", b"-1", b"+1", b"1.0", b"1 2", b"0x1", b"1_0", b"\xb2", b"1,1"]
)
def test_a_length_that_is_no_number_is_refused(runtime: MemoryRuntime, value: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        writer(runtime).head(200, [(b"content-length", value)])


def test_two_lengths_are_refused(runtime: MemoryRuntime) -> None:
    with pytest.raises(LocalProtocolError, match="two content-lengths: 1 and 2"):
        writer(runtime).head(200, [(b"content-length", b"1"), (b"content-length", b"2")])


@pytest.mark.parametrize(("status", "kept"), [(204, False), (304, True), (200, True)])
def test_a_length_is_not_written_where_it_may_not_stand(
    runtime: MemoryRuntime, status: int, kept: bool
) -> None:
    block, _, _ = writer(runtime).head(status, [(b"content-length", b"5")])
    assert (b"content-length: 5" in block) == kept


@pytest.mark.parametrize(
    "name", [b"Transfer-Encoding", b"Keep-Alive", b"Proxy-Connection", b"Upgrade", b"Connection"]
)
def test_fields_of_the_connection_are_left_out(runtime: MemoryRuntime, name: bytes) -> None:
    block, _, close = writer(runtime).head(200, [(name, b"x")])
    assert (block, close) == (b"HTTP/1.1 200 OK\r\n", False)


@pytest.mark.parametrize("value", [b"close", b"CLOSE", b"x, Close"])
def test_close_is_heard(runtime: MemoryRuntime, value: bytes) -> None:
    assert writer(runtime).head(200, [(b"connection", value)])[2]


def test_heads_are_remembered_and_their_number_is_bounded(runtime: MemoryRuntime) -> None:
    heads = writer(runtime)
    headers = [(b"x", b"1")]
    assert heads.head(200, headers)[0] == heads.head(200, tuple(headers))[0]
    for n in range(5000):
        heads.head(200, [(b"x", b"%d" % n)])
    assert len(heads._remembered) <= 512


def test_a_large_head_is_not_remembered(runtime: MemoryRuntime) -> None:
    heads = writer(runtime)
    for n in range(10):
        heads.head(200, [(b"x", b"%d" % n * 2000)])
    assert not heads._remembered


def test_a_head_that_was_refused_is_refused_again(runtime: MemoryRuntime) -> None:
    heads = writer(runtime)
    for _ in range(2):
        for bad in ((200, [(b"x", b"\n")]), (101, []), (103, []), ("200", [])):
            with pytest.raises(LocalProtocolError):
                heads.head(*bad)


def test_a_101_that_was_sent_does_not_become_a_status_of_responses(runtime: MemoryRuntime) -> None:
    heads = writer(runtime, (b"server", b"s"))
    assert (
        heads.switching([(b"x", b"1")])
        == b"HTTP/1.1 101 Switching Protocols\r\nx: 1\r\nserver: s\r\n"
    )
    with pytest.raises(LocalProtocolError, match="101 cannot be the status of a response"):
        heads.head(101, [(b"x", b"1")])


def test_names_are_learned_within_bounds(runtime: MemoryRuntime) -> None:
    heads = writer(runtime)
    before = dict(_response._LEARNED)
    try:
        heads.head(200, [(b"x" * 1000, b"1")])
        assert b"x" * 1000 not in _response._LEARNED
        for n in range(3000):
            heads.head(200, [(b"X-%d" % n, b"1")])
        assert len(_response._LEARNED) <= 1024
        assert heads.head(200, [(b"X-2999", b"1")])[0].endswith(b"x-2999: 1\r\n")
    finally:
        _response._LEARNED.clear()
        _response._LEARNED.update(before)


def test_two_listeners_share_no_heads(runtime: MemoryRuntime) -> None:
    one, two = writer(runtime, (b"server", b"1")), writer(runtime, (b"server", b"2"))
    assert one.head(200, ()) != two.head(200, ())
    assert repr(one) == "<ResponseWriter common=b'server: 1\\r\\n' date=False>"


def test_the_date_is_the_clocks(runtime: MemoryRuntime) -> None:
    heads = writer(runtime, date=True)
    first = heads.head(200, ())[0]
    runtime.clock.advance(60)
    second = heads.head(200, ())[0]
    assert (first[-14:], second[-14:]) == (b"08:49:37 GMT\r\n", b"08:50:37 GMT\r\n")
    assert heads.head(200, [(b"Date", b"mine")])[0] == b"HTTP/1.1 200 OK\r\ndate: mine\r\n"


@pytest.mark.parametrize(
    ("status", "line"), [(200, b"HTTP/1.1 200 OK\r\n"), (599, b"HTTP/1.1 599 \r\n")]
)
def test_status_lines(status: int, line: bytes) -> None:
    assert status_line(status) == line


@pytest.mark.parametrize(
    "headers", [[(b"content-length", b"1")], [(b"x", b"\r\ny: z")], [(b"x y", b"")], [("x", b"")]]
)
def test_field_lines_are_checked_too(headers) -> None:
    with pytest.raises(LocalProtocolError):
        field_lines(headers)
