"""The chunked transfer coding, read strictly, however it is cut (RFC 9112 section 7.1)."""

from __future__ import annotations

import pytest

from nonecorn.spi import Limits, RemoteProtocolError
from nonecorn.testing import SPLITTERS, Splitter, bytewise, whole
from nonecorn_http1._chunked import ChunkedReader

LIMITS = Limits()
NEXT = b"GET /next HTTP/1.1\r\n"


def read(
    data: bytes, split: Splitter = whole, limits: Limits = LIMITS
) -> tuple[bytes, ChunkedReader, bytes]:
    """Body, reader, and what follows the message."""
    reader = ChunkedReader(limits)
    body = rest = b""
    for piece in split(data):
        if reader.done:
            rest += piece
            continue
        found, after = reader.feed(piece)
        body += found
        rest += after
    return body, reader, rest


GOOD = {
    b"0\r\n\r\n": b"",
    b"000\r\n\r\n": b"",
    b"3\r\nabc\r\n0\r\n\r\n": b"abc",
    b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n": b"abc0123456789abcdef",
    b"a\r\n0123456789\r\n0\r\n\r\n": b"0123456789",
    b"A\r\n0123456789\r\n0\r\n\r\n": b"0123456789",
    b"003\r\nabc\r\n0\r\n\r\n": b"abc",
    b"5\r\n\r\n0\r\n\r\n0\r\n\r\n": b"\r\n0\r\n",
    b"3;x\r\nabc\r\n0;y=z\r\n\r\n": b"abc",
    b'3 ; x="a;b" ; y\r\nabc\r\n0\r\n\r\n': b"abc",
    b"3\t;x\r\nabc\r\n0\r\n\r\n": b"abc",
    b"1\r\na\r\n" * 500 + b"0\r\n\r\n": b"a" * 500,
}


@pytest.mark.parametrize("split", SPLITTERS.values(), ids=SPLITTERS)
@pytest.mark.parametrize("data", GOOD)
def test_good_chunks_are_read_and_what_follows_is_left(data: bytes, split: Splitter) -> None:
    body, reader, rest = read(data + NEXT, split)
    assert (body, reader.done, rest) == (GOOD[data], True, NEXT)
    assert reader.trailers == []


BAD = {
    b"\r\n": "chunk-size",
    b"x\r\nabc\r\n": "chunk-size",
    b"-3\r\nabc\r\n": "chunk-size",
    b"+3\r\nabc\r\n": "chunk-size",
    b"0x3\r\nabc\r\n": "chunk-size",
    b"3_0\r\nabc\r\n": "chunk-size",
    b" 3\r\nabc\r\n": "chunk-size",
    b"3 \r\nabc\r\n": "chunk-size",
    b"\r\n3\r\nabc\r\n": "chunk-size",
    b"3\nabc\r\n": "bare-cr-or-lf",
    b"3\rabc\r\n": "bare-cr-or-lf",
    b"3;a\rb\r\nabc\r\n": "bare-cr-or-lf",
    b"3;\0\r\nabc\r\n": "chunk-size",
    b"ffffffffffffffff\r\n": "chunk-size",
    b"0000000000000003\r\nabc\r\n": "chunk-size",
    b"3\r\nabcd\r\n": "chunk-terminator",
    b"3\r\nabc\n\r\n": "chunk-terminator",
    b"3\r\nabc\rX": "chunk-terminator",
    b"3\r\nabcXX0\r\n\r\n": "chunk-terminator",  # CVE-2025-43859
    b"3\r\nab\r\n0\r\n\r\n": "chunk-terminator",
    b"0\r\nX\r\n\r\n": "trailer",
    b"0\r\nX : y\r\n\r\n": "trailer",
    b"0\r\n folded\r\n\r\n": "line-folding",
    b"0\r\nX: y\n\r\n\r\n": "bare-cr-or-lf",
    b"0\r\nX: \0\r\n\r\n": "control-character",
    b"0\r\nContent-Length: 3\r\n\r\n": "trailer",
    b"0\r\nTransfer-Encoding: chunked\r\n\r\n": "trailer",
    b"0\r\nHost: b\r\n\r\n": "trailer",
    b"0\r\nAuthorization: x\r\n\r\n": "trailer",
}


@pytest.mark.parametrize("split", [whole, bytewise])
@pytest.mark.parametrize("data", BAD)
def test_bad_chunks_are_refused(data: bytes, split: Splitter) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        read(data, split)
    assert raised.value.status == 400
    if split is whole:
        assert raised.value.reason in (BAD[data], "control-character")


@pytest.mark.parametrize("split", SPLITTERS.values(), ids=SPLITTERS)
def test_trailers_are_read(split: Splitter) -> None:
    _, reader, rest = read(b"1\r\na\r\n0\r\nX-Sum: 1 \r\nx-b:\r\n\r\n" + NEXT, split)
    assert (reader.trailers, rest) == ([(b"x-sum", b"1"), (b"x-b", b"")], NEXT)


@pytest.mark.parametrize("split", [whole, bytewise])
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"3;" + b"x" * 2000 + b"\r\n", 400),
        (b"3" * 2000, 400),
        (b"1;" + b"x" * 1000 + b"\r\na\r\n", None),
        ((b"1;" + b"x" * 1000 + b"\r\na\r\n") * 20, 400),
        (b"0\r\n" + b"X: y\r\n" * 11 + b"\r\n", 431),
        (b"0\r\nX: " + b"y" * 2000 + b"\r\n\r\n", 431),
        (b"0\r\n" + b"X: y\r\n" * 400, 431),
    ],
)
def test_what_is_around_the_data_is_bounded(
    data: bytes, status: int | None, split: Splitter
) -> None:
    limits = Limits(head_size=1024, head_fields=10)
    if status is None:
        assert read(data, split, limits)[0] == b"a"
        return
    with pytest.raises(RemoteProtocolError) as raised:
        read(data, split, limits)
    assert raised.value.status == status


def test_data_is_passed_on_as_it_comes() -> None:
    reader = ChunkedReader(LIMITS)
    assert reader.feed(b"5\r\nab") == (b"ab", b"")
    assert reader.feed(b"c") == (b"c", b"")
    assert repr(reader) == "<ChunkedReader data left=2>"
    assert reader.feed(b"de\r") == (b"de", b"")
    assert reader.feed(b"\n0\r\n") == (b"", b"")
    assert reader.feed(b"\r\nrest") == (b"", b"rest")
    assert repr(reader) == "<ChunkedReader done left=0>"


def test_a_piece_of_data_is_not_copied() -> None:
    reader = ChunkedReader(LIMITS)
    reader.feed(b"ffff\r\n")
    piece = b"x" * 5000
    assert reader.feed(piece)[0] is piece
