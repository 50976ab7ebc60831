"""Names of hosts: what can be one, and which are ours."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn.spi.authority import Authority, HostNames, parse_authority


@pytest.mark.parametrize(
    ("text", "host", "port", "written"),
    [
        ("a", "a", None, "a"),
        ("A.Example", "a.example", None, "a.example"),
        ("a.example.", "a.example", None, "a.example"),
        ("a.example:80", "a.example", 80, "a.example:80"),
        ("a.example:", "a.example", None, "a.example"),
        ("a_b-c.example", "a_b-c.example", None, "a_b-c.example"),
        ("127.0.0.1:65535", "127.0.0.1", 65535, "127.0.0.1:65535"),
        ("[::1]", "::1", None, "[::1]"),
        ("[2001:DB8:0:0::1]:8000", "2001:db8::1", 8000, "[2001:db8::1]:8000"),
        ("[::ffff:192.0.2.1]", "::ffff:c000:201", None, "[::ffff:c000:201]"),
    ],
)
def test_a_host_is_read(text, host, port, written):
    found = parse_authority(text)
    assert found == Authority(host, port)
    assert str(found) == written


@pytest.mark.parametrize(
    "text",
    [
        "", ":80", ".", "..", "a..b", ".a", "a b", "a@b", "a/b", "a\\b", "a?b", "a#b", "a%41",
        "a\r\nb", "a\0", "ä", "a,b", "a:0", "a:65536", "a:123456", "a:-1", "a:x", "a:80:80", "-a",
        "a:٣", "::1", "[::1", "::1]", "[]", "[::1]x", "[::g]", "[1.2.3.4]", "[fe80::1%eth0]",
        "a" * 254,
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused(text):
    assert parse_authority(text) is None


@given(st.one_of(st.text(max_size=40), st.text("ab.-_:[]@/%\\19 ", max_size=30)))
def test_what_is_read_is_safe_in_a_url(text):
    found = parse_authority(text)
    if found is None:
        return
    assert re.fullmatch(r"[a-z0-9_.:\[\]-]+", str(found))
    parts = urlsplit(f"https://{found}/path")
    assert (parts.hostname, parts.port, parts.username) == (found.host, found.port, None)
    assert parts.path == "/path"
    assert parse_authority(str(found)) == found


NAMES = ["shop.example", "*.shop.example", "[::1]", "bücher.example"]


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("shop.example", True), ("www.shop.example", True), ("a.b.shop.example", True),
        ("::1", True), ("xn--bcher-kva.example", True), ("example", False),
        ("notshop.example", False), ("shop.example.evil", False), ("", False), ("*", False),
    ],
)  # fmt: skip
def test_names_are_ours_or_not(host, ours):
    assert (host in HostNames(NAMES)) is ours


def test_a_wildcard_is_not_the_domain_itself():
    assert "shop.example" not in HostNames(["*.shop.example"])


@pytest.mark.parametrize(
    "pattern",
    ["", "*", "*.", "a.*", "*a.example", "*.*.a", "a:80", "a:", "https://a", "a/b", "a b", "a..b",
     "::1"],
)  # fmt: skip
def test_patterns_that_make_no_sense_are_refused(pattern):
    with pytest.raises(ValueError, match="is no host"):
        HostNames([pattern])


def test_they_say_what_they_are():
    assert repr(HostNames(["a", "*.b"])) == "<HostNames a, *.b>"
    assert not HostNames([])
