"""A short run of the fuzzer, on inputs that are always the same."""

from __future__ import annotations

import pytest

from fuzz.http1 import check, fuzz, origin_form, understood_by_h11

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("number", range(4))
def test_random_connections_hold_the_rules(number: int) -> None:
    assert fuzz(150, number) > 20, "nearly everything was refused: the inputs say nothing"


@pytest.mark.parametrize(
    "data",
    [
        GET,
        GET * 3,
        b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + GET,
        b"POST http://h HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX: y\r\n\r\n" + GET,
    ],
)
def test_the_fuzzer_sees_what_is_there(data: bytes) -> None:
    requests = check(data, range(1, len(data), 7)).requests
    theirs = understood_by_h11(data)
    assert len(requests) == len(theirs) == data.count(b"HTTP/1.1")
    assert [(r.method, r.target, r.body) for r in requests] == [
        (r.method, origin_form(r.target), r.body) for r in theirs
    ]


def test_the_fuzzer_would_notice_another_framing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    theirs = understood_by_h11(data.replace(b"abc", b"xyz"))
    monkeypatch.setattr("fuzz.http1.understood_by_h11", lambda data: theirs)
    with pytest.raises(AssertionError, match="h11 sees"):
        check(data)


@pytest.mark.parametrize("data", [b"\rGET / HTTP/1.1\rHost: a\r\r"])
def test_what_it_found_stays_mended(data: bytes) -> None:
    for cut in range(len(data)):
        check(data, [cut])
