"""What h11 makes of field lines, and what it refuses."""

from __future__ import annotations

import pytest

from nonecorn.spi import RemoteProtocolError
from nonecorn_h11._connection import parse


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"X: y", (b"x", b"y")),
        (b"X-Y:\t y z \t", (b"x-y", b"y z")),
        (b"X:", (b"x", b"")),
        (b"X: \x80\xff", (b"x", b"\x80\xff")),
        (b"Upgrade: websocket", (b"upgrade", b"websocket")),
        (b"Connection: close", (b"connection", b"close")),
        (b"Expect: 100-continue", (b"expect", b"100-continue")),
    ],
)
def test_lines_become_fields(line: bytes, field: tuple[bytes, bytes]) -> None:
    assert parse([b"A: 1", line, b"A: 2"]) == [(b"a", b"1"), field, (b"a", b"2")]


@pytest.mark.parametrize("line", [b"X : y", b": y", b"X y", b"X\x80: y", b"(X): y"])
def test_lines_that_are_no_fields_are_refused(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parse([b"A: 1", line, b"B: 2"])
    assert (raised.value.status, raised.value.reason) == (400, "h11")


def test_fields_are_pairs_of_bytes() -> None:
    (field,) = parse([b"X: y"])
    assert type(field) is tuple
    assert [type(each) for each in field] == [bytes, bytes]


def test_a_line_may_be_long() -> None:
    assert parse([b"X: " + b"y" * 100_000]) == [(b"x", b"y" * 100_000)]
