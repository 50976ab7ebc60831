"""What `start_response` accepts, and what it refuses while the application still runs."""

from __future__ import annotations

import pytest

from nonecorn.spi import LocalProtocolError
from nonecorn_wsgi import _head
from nonecorn_wsgi._head import make_head


def test_a_head():
    head = make_head("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "9")])
    assert head.status == 404
    assert head.headers == ((b"content-type", b"text/plain"), (b"content-length", b"9"))
    assert head.length == 9


def test_latin_1_is_allowed_in_values():
    assert make_head("200 OK", [("X-Name", "caf\xe9\t1")]).headers == ((b"x-name", b"caf\xe9\t1"),)


@pytest.mark.parametrize("status", ["200 OK", "200", "599 Odd", "999 Ünusual"])
def test_statuses(status):
    assert make_head(status, []).status == int(status[:3])


@pytest.mark.parametrize(
    "status",
    [200, b"200 OK", None, "", "20", "2000 OK", "OK", "200\r\nX: y", "200 a\rb", "100 Continue",
     "101 Switching Protocols", "٢٠٠ OK", "200-OK"],
)  # fmt: skip
def test_what_is_no_status_is_refused(status):
    with pytest.raises(LocalProtocolError, match="status"):
        make_head(status, [])


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        (None, "list of pairs"),
        ({"a": "b"}, "list of pairs"),
        ("ab", "list of pairs"),
        ([("a",)], "no header"),
        ([1], "no header"),
        ([(b"a", b"b")], "pair of strings"),
        ([("a", 1)], "pair of strings"),
        ([("", "x")], "no header name"),
        ([("a b", "x")], "no header name"),
        ([("a:", "x")], "no header name"),
        ([("a\n", "x")], "no header name"),
        ([("é", "x")], "no header name"),
        ([("a", "x\r\ny: z")], "control character"),
        ([("a", "x\n")], "control character"),
        ([("a", "\x00")], "control character"),
        ([("a", "\x7f")], "control character"),
        ([("a", "€")], "latin-1"),
        ([("Content-Length", "-1")], "not a number"),
        ([("Content-Length", "\u0661")], "latin-1"),
        ([("Content-Length", "1"), ("content-length", "2")], "two Content-Lengths"),
    ],
)
def test_what_is_no_header_is_refused(headers, problem):
    with pytest.raises(LocalProtocolError, match=problem):
        make_head("200 OK", headers)


@pytest.mark.parametrize("name", sorted(_head.HOP_BY_HOP))
def test_hop_by_hop_fields_are_the_servers_own(name):
    with pytest.raises(LocalProtocolError, match="server's own"):
        make_head("200 OK", [(name.title(), "x")])


def test_hop_by_hop_is_what_the_standard_library_says():
    from wsgiref.util import is_hop_by_hop

    known = [*_head.HOP_BY_HOP, "content-type", "date", "server", "via"]
    assert {name for name in known if is_hop_by_hop(name)} == _head.HOP_BY_HOP - {"trailer"}


def test_errors_are_one_line():
    with pytest.raises(LocalProtocolError) as raised:
        make_head("200 OK", [("a", "x\r\ny")])
    assert "\n" not in str(raised.value)


def test_heads_are_remembered_within_a_bound():
    for number in range(1000):
        make_head("200 OK", [("X-Number", str(number))])
    assert len(_head._remembered) <= 256
    assert make_head("200 OK", [["X-List", "1"]]).headers == ((b"x-list", b"1"),)
    before = len(_head._remembered)
    make_head("200 OK", [("X-Long", "x" * 5000)])
    assert len(_head._remembered) == before
