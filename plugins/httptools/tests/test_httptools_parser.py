"""What llhttp makes of field lines, on a parser that is used again and again."""

from __future__ import annotations

import pytest

from nonecorn.spi import RemoteProtocolError
from nonecorn_httptools._connection import FieldParser

LINES = {
    b"X: y": (b"x", b"y"),
    b"X-Y:\t y z \t": (b"x-y", b"y z"),
    b"X:": (b"x", b""),
    b"X: \x80\xff": (b"x", b"\x80\xff"),
    b"Upgrade: websocket": (b"upgrade", b"websocket"),
    b"Connection: Upgrade": (b"connection", b"Upgrade"),
    b"Connection: close": (b"connection", b"close"),
    b"Connection: keep-alive, close": (b"connection", b"keep-alive, close"),
    b"Proxy-Connection: close": (b"proxy-connection", b"close"),
    b"Expect: 100-continue": (b"expect", b"100-continue"),
    b"HTTP2-Settings: AAMAAABk": (b"http2-settings", b"AAMAAABk"),
}
BAD = [b"X : y", b": y", b"X y", b"X\x80: y", b"", b"(X): y"]


@pytest.mark.parametrize("line", LINES)
def test_lines_become_fields(line: bytes) -> None:
    parser = FieldParser()
    for _ in range(3):
        assert parser([b"A: 1", line, b"A: 2"]) == [(b"a", b"1"), LINES[line], (b"a", b"2")]


@pytest.mark.parametrize("line", BAD)
def test_lines_that_are_no_fields_are_refused(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        FieldParser()([b"A: 1", line, b"B: 2"])
    assert (raised.value.status, raised.value.reason) == (400, "llhttp")


@pytest.mark.parametrize("first", [*LINES, *BAD])
@pytest.mark.parametrize("second", LINES)
def test_nothing_of_one_head_reaches_the_next(first: bytes, second: bytes) -> None:
    """Also where the first made llhttp end or change its connection, or refuse."""
    parser = FieldParser()
    for lines in ([first, b"Upgrade: h2c", b"Connection: Upgrade"], [first]):
        try:
            parser(lines)
        except RemoteProtocolError:
            assert first in BAD
        assert parser([second]) == [LINES[second]]


def test_a_list_that_was_given_away_is_left_alone() -> None:
    parser = FieldParser()
    first = parser([b"X: 1"])
    parser([b"Y: 2"])
    assert first == [(b"x", b"1")]


def test_names_are_kept_within_bounds() -> None:
    parser = FieldParser()
    parser([b"x" * 60_000 + b": y"])
    for n in range(3000):
        assert parser([b"X-%d: y" % n]) == [(b"x-%d" % n, b"y")]
    assert len(parser._names) <= 1024
    assert max(map(len, parser._names)) <= 64
    assert repr(parser) == f"<FieldParser names={len(parser._names)}>"
