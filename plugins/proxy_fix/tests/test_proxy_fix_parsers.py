"""Properties of the parsers, whatever stands in a field."""

from __future__ import annotations

import re
import string
from ipaddress import ip_address

from hypothesis import example, given
from hypothesis import strategies as st

from nonecorn.testing.asgi import call, make_scope
from nonecorn_proxy_fix import ProxyFix
from nonecorn_proxy_fix._forwarded import parse_element
from nonecorn_proxy_fix._lists import elements
from nonecorn_proxy_fix._node import parse_node

LATIN = st.text(st.characters(max_codepoint=255), max_size=200)
AWKWARD = st.text('",;=\\[]:._ \tfor10a', max_size=60)
TOKEN = st.text(f"!#$%&'*+-.^_`|~{string.digits}{string.ascii_letters}", min_size=1, max_size=12)
QUOTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


def quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


PAIRS = st.dictionaries(TOKEN.map(str.lower), QUOTABLE, min_size=1, max_size=5)


def written(pairs: dict[str, str]) -> str:
    return ";".join(f"{name}={quoted(value)}" for name, value in pairs.items())


@given(PAIRS)
def test_an_element_is_read_as_it_was_written(pairs):
    assert parse_element(written(pairs)) == pairs


@given(st.one_of(LATIN, AWKWARD), st.lists(PAIRS, min_size=1, max_size=4))
@example('for="', [{"for": "1"}])
@example("\\", [{"for": '"'}])
def test_nothing_on_the_left_changes_what_stands_on_the_right(left, added):
    value = ", ".join([left, *(written(pairs) for pairs in added)])
    from_right = elements(value)
    for pairs in reversed(added):
        assert parse_element(next(from_right)) == pairs


@given(st.one_of(LATIN, AWKWARD))
def test_an_element_is_read_or_refused(text):
    try:
        found = parse_element(text)
    except ValueError:
        return
    assert all(re.fullmatch(r"[^\x00-\x20\",;=()]+", name) for name in found)


@given(st.one_of(LATIN, AWKWARD, st.ip_addresses().map(str)), st.booleans())
def test_a_node_is_an_address_or_nobody_or_refused(text, bare):
    try:
        found = parse_node(text, bare=bare)
    except ValueError:
        return
    if found is not None:
        host, port = found
        assert str(ip_address(host)) == host
        assert 0 <= port < 65536


@given(st.ip_addresses(), st.integers(1, 65535))
def test_addresses_are_read_as_they_were_written(address, port):
    expected = str(getattr(address, "ipv4_mapped", None) or address)
    host = f"[{address}]" if address.version == 6 else str(address)
    assert parse_node(f"{host}:{port}", bare=False) == (expected, port)
    assert parse_node(f"{host}:{port}", bare=True) == (expected, port)
    assert parse_node(str(address), bare=True) == (expected, 0)


FIELD = st.sampled_from(
    [b"forwarded", *(b"x-forwarded-" + n for n in (b"for", b"proto", b"host", b"port", b"prefix"))]
)
VALUE = st.one_of(
    LATIN, AWKWARD, st.sampled_from(["10.0.0.2", "https", "a.example:1", "/a", "for=10.0.0.1"])
).map(lambda text: text.encode("latin-1"))


@given(
    st.lists(st.tuples(FIELD, VALUE), max_size=8),
    st.sampled_from(["legacy", "modern"]),
    st.integers(0, 3),
    st.sampled_from(["http", "websocket"]),
)
def test_whatever_a_proxy_sends_the_scope_is_sound(headers, mode, hops, kind):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    fields = (
        ("for", "proto", "host") if mode == "modern" else ("for", "proto", "host", "port", "prefix")
    )
    middleware = ProxyFix(app, trusted=["0.0.0.0/0"], mode=mode, hops=hops, fields=fields)
    call(middleware, make_scope(type=kind, headers=[(b"host", b"inner"), *headers]))
    [scope] = seen
    assert scope["client"] is None or str(ip_address(scope["client"][0])) == scope["client"][0]
    assert scope["scheme"] in {"http", "https", "ws", "wss"}
    [host] = [value for name, value in scope["headers"] if name == b"host"]
    assert re.fullmatch(rb"[a-z0-9_.-]+(:\d+)?|\[[0-9a-f:.]+\](:\d+)?", host)
    assert scope["path"] == scope["root_path"] + "/"
    assert not re.search(r"[\x00-\x1f?#\\]|//", scope["path"])


def test_a_huge_header_costs_little():
    """Counted in elements looked at, not in seconds."""
    from_right = elements(",".join(["10.0.0.1"] * 100_000))
    assert [next(from_right) for _ in range(3)] == ["10.0.0.1"] * 3
