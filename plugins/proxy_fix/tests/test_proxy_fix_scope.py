"""What the application finds in its scope, by what proxies said."""

from __future__ import annotations

import copy
import logging

import pytest

from nonecorn.spi import RECORD, ConfigError
from nonecorn.testing import make_app_context
from nonecorn.testing.asgi import call, make_scope
from nonecorn_proxy_fix import ProxyFix
from nonecorn_proxy_fix._middleware import make
from nonecorn_proxy_fix._options import ProxyFixOptions

ALL = ("for", "proto", "host", "port", "prefix")
PROXY = ("10.0.0.1", 4711)


async def ok(scope, receive, send):
    seen.append(scope)
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


seen: list = []


def through(headers, *, client=PROXY, scope=None, **options):
    """The scope that the application gets."""
    seen.clear()
    given = {"trusted": ["10.0.0.0/8"], "fields": ALL, **options}
    if given.get("mode") == "modern":
        given["fields"] = options.get("fields", ("for", "proto", "host"))
    fields = [(b"host", b"inner:8000"), *((n.encode(), v.encode("latin-1")) for n, v in headers)]
    before = make_scope(headers=fields, client=client, **(scope or {}))
    kept = copy.deepcopy(before)
    call(make(ok, given, make_app_context()), before)
    assert before == kept
    return seen[0]


def host_of(scope):
    [value] = [value for name, value in scope["headers"] if name == b"host"]
    return value


# X-Forwarded-For


@pytest.mark.parametrize(
    ("value", "options", "client"),
    [
        ("192.0.2.1", {}, ("192.0.2.1", 0)),
        ("192.0.2.1:5000", {}, ("192.0.2.1", 5000)),
        ("2001:db8::1", {}, ("2001:db8::1", 0)),
        ("[2001:DB8::1]", {}, ("2001:db8::1", 0)),
        ("[2001:db8::1]:5000", {}, ("2001:db8::1", 5000)),
        ("::ffff:192.0.2.1", {}, ("192.0.2.1", 0)),
        # The first on the right that is not trusted is the client, whatever it wrote itself.
        ("6.6.6.6, 192.0.2.1", {}, ("192.0.2.1", 0)),
        ("6.6.6.6,192.0.2.1 ,\t10.0.0.2", {}, ("192.0.2.1", 0)),
        ("nonsense\"', 192.0.2.1, 10.0.0.2, 10.9.9.9", {}, ("192.0.2.1", 0)),
        # All are trusted: the leftmost is the client.
        ("10.0.0.3, 10.0.0.2", {}, ("10.0.0.3", 0)),
        # No further than so many.
        ("192.0.2.1, 10.0.0.2", {"hops": 1}, ("10.0.0.2", 0)),
        ("6.6.6.6, 192.0.2.1, 10.0.0.2", {"hops": 2}, ("192.0.2.1", 0)),
        ("192.0.2.1", {"hops": 2}, ("192.0.2.1", 0)),
        ("7.7.7.7, 192.0.2.1, 8.8.8.8", {"trusted": ["0.0.0.0/0"], "hops": 2}, ("192.0.2.1", 0)),
        (", ,192.0.2.1,, ", {}, ("192.0.2.1", 0)),
        ("unknown", {}, None),
        ("192.0.2.1, _hidden", {}, None),
        # Nonsense where it counts: as if nothing had been said.
        ("192.0.2.1, nonsense", {}, PROXY),
        ("192.0.2.256", {}, PROXY),
        ("192.0.2.1:70000", {}, PROXY),
        ("fe80::1%eth0", {}, PROXY),
        ("[2001:db8::1", {}, PROXY),
        ("", {}, PROXY),
        (",".join(["10.0.0.2"] * 65), {}, PROXY),
        ("1" * 2000, {}, PROXY),
    ],
)
def test_x_forwarded_for_names_the_client(value, options, client):
    assert through([("x-forwarded-for", value)], **options)["client"] == client


def test_several_fields_are_one_list():
    headers = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.0.0.2")]
    assert through(headers)["client"] == ("192.0.2.1", 0)


# Who is believed


@pytest.mark.parametrize("client", [("192.0.2.9", 1), ("nonsense", 0), None])
def test_nobody_else_is_believed(client):
    scope = through([("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1")], client=client)
    assert scope["client"] == client
    assert [name for name, _ in scope["headers"]] == [b"host"]


def test_a_server_that_does_not_know_its_peers_believes_none():
    # ASGI's `client` is optional.
    scope = make_scope(headers=[(b"x-forwarded-for", b"1.1.1.1"), (b"host", b"a")])
    del scope["client"]
    seen.clear()
    call(ProxyFix(ok, trusted=["0.0.0.0/0", "unix"]), scope)
    assert "client" not in seen[0]
    assert seen[0]["headers"] == [(b"host", b"a")]


def test_what_others_send_may_be_left_where_it_is():
    scope = through([("x-forwarded-for", "1.1.1.1")], client=("192.0.2.9", 1), strip=False)
    assert scope["client"] == ("192.0.2.9", 1)
    assert (b"x-forwarded-for", b"1.1.1.1") in scope["headers"]


def test_unix_sockets_are_believed_where_that_is_said():
    headers = [("x-forwarded-for", "192.0.2.1")]
    assert through(headers, client=None, trusted=["unix"])["client"] == ("192.0.2.1", 0)


def test_a_trusted_peer_keeps_its_headers():
    scope = through([("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")])
    assert [name for name, _ in scope["headers"]][1:] == [b"x-forwarded-for", b"x-forwarded-proto"]


def test_fields_that_proxies_do_not_set_are_not_read():
    headers = [
        ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-host", "evil.example"),
        ("x-forwarded-prefix", "/evil"), ("x-forwarded-port", "1"), ("x-forwarded-proto", "https"),
    ]  # fmt: skip
    options = ProxyFixOptions(trusted=("10.0.0.0/8",))
    assert options.fields == ("for", "proto")
    scope = through(headers, fields=options.fields)
    assert (scope["client"], scope["scheme"]) == (("192.0.2.1", 0), "https")
    assert (host_of(scope), scope["root_path"]) == (b"inner:8000", "")
    assert scope["server"] == ("127.0.0.1", 8000)


def test_one_kind_of_header_is_not_read_for_the_other():
    assert through([("forwarded", "for=192.0.2.1")])["client"] == PROXY
    assert through([("x-forwarded-for", "192.0.2.1")], mode="modern")["client"] == PROXY


# The other fields


@pytest.mark.parametrize(
    ("kind", "value", "scheme"),
    [
        ("http", "https", "https"), ("http", "HTTPS", "https"), ("http", "wss", "https"),
        ("http", "http", "http"), ("websocket", "https", "wss"), ("websocket", "wss", "wss"),
        ("websocket", "http", "ws"), ("http", "gopher", "http"), ("http", "", "http"),
    ],
)  # fmt: skip
def test_the_scheme_is_that_of_the_client(kind, value, scheme):
    plain = "ws" if kind == "websocket" else "http"
    found = through([("x-forwarded-proto", value)], scope={"type": kind, "scheme": plain})
    assert found["scheme"] == scheme


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [("https", "https"), ("https, http", "https"), ("http, https, http", "https")],
)
def test_lists_are_as_long_as_they_are(proto, scheme):
    """Some proxies add their scheme, others leave the first one as it is."""
    headers = [("x-forwarded-for", "6.6.6.6, 192.0.2.1, 10.0.0.2"), ("x-forwarded-proto", proto)]
    assert through(headers)["scheme"] == scheme


@pytest.mark.parametrize(
    ("headers", "host", "server"),
    [
        ({"host": "Shop.Example"}, b"shop.example", ("shop.example", 80)),
        ({"host": "shop.example:81"}, b"shop.example:81", ("shop.example", 81)),
        ({"host": "shop.example", "proto": "https"}, b"shop.example", ("shop.example", 443)),
        ({"host": "[2001:db8::1]:81"}, b"[2001:db8::1]:81", ("2001:db8::1", 81)),
        ({"host": "shop.example", "port": "8443"}, b"shop.example:8443", ("shop.example", 8443)),
        ({"host": "shop.example:1", "port": "80"}, b"shop.example", ("shop.example", 80)),
        ({"port": "443", "proto": "https"}, b"inner", ("inner", 443)),
        ({"port": "81"}, b"inner:81", ("inner", 81)),
        ({"host": "evil.example/path"}, b"inner:8000", ("127.0.0.1", 8000)),
        ({"host": "user@evil.example"}, b"inner:8000", ("127.0.0.1", 8000)),
        ({"host": "a.example\r\nx: y"}, b"inner:8000", ("127.0.0.1", 8000)),
        ({"host": "a..example"}, b"inner:8000", ("127.0.0.1", 8000)),
        ({"host": "shop.example:99999"}, b"inner:8000", ("127.0.0.1", 8000)),
        ({"port": "0"}, b"inner:8000", ("127.0.0.1", 8000)),
        ({"port": "x"}, b"inner:8000", ("127.0.0.1", 8000)),
    ],
)
def test_host_and_port_are_those_that_the_client_asked(headers, host, server):
    scope = through([(f"x-forwarded-{name}", value) for name, value in headers.items()])
    assert (host_of(scope), scope["server"]) == (host, server)


@pytest.mark.parametrize(
    ("value", "root_path", "path", "raw_path"),
    [
        ("/shop", "/shop", "/shop/a b", b"/shop/a%20b"),
        ("/shop/", "/shop", "/shop/a b", b"/shop/a%20b"),
        ("/my%20shop", "/my shop", "/my shop/a b", b"/my%20shop/a%20b"),
        ("/", "", "/a b", b"/a%20b"),
        *[
            (bad, "", "/a b", b"/a%20b")
            for bad in (
                "shop", "//evil", "/a//b", "/../x", "/a/%2e%2e/b", "/a%2fb", "/a%zz", "/a?b",
                "/a#b", "/a\\b", "/a%00", "/%5Cevil", "/a%5c", "/a%ff", "/a%0d%0ab", "http://x/",
                "/a b",
            )
        ],
    ],
)  # fmt: skip
def test_a_prefix_that_was_taken_off_is_put_back(value, root_path, path, raw_path):
    scope = through([("x-forwarded-prefix", value)], scope={"path": "/a b", "raw_path": b"/a%20b"})
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == (root_path, path, raw_path)


def test_a_field_that_makes_no_sense_costs_the_others_nothing(caplog):
    caplog.set_level(logging.DEBUG, "nonecorn.proxy_fix")
    headers = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "gopher")]
    scope = through([*headers, ("x-forwarded-host", "shop.example")])
    assert (scope["client"], scope["scheme"]) == (("192.0.2.1", 0), "http")
    assert host_of(scope) == b"shop.example"
    [line] = caplog.messages
    assert "x-forwarded-proto: 'gopher' is none of http" in line


# Forwarded


@pytest.mark.parametrize(
    ("value", "options", "client"),
    [
        ("for=192.0.2.1", {}, ("192.0.2.1", 0)),
        ("FOR=192.0.2.1;by=10.0.0.1", {}, ("192.0.2.1", 0)),
        ('for="[2001:db8::1]:4711"', {}, ("2001:db8::1", 4711)),
        ('for="192.0.2.1:_http"', {}, ("192.0.2.1", 0)),
        ('for="\\1\\9\\2.0.2.1"', {}, ("192.0.2.1", 0)),
        ("for=6.6.6.6, for=192.0.2.1;proto=https , for=10.0.0.2", {}, ("192.0.2.1", 0)),
        ("for=192.0.2.1, for=10.0.0.2", {"hops": 1}, ("10.0.0.2", 0)),
        ("for=192.0.2.1; proto=http", {}, ("192.0.2.1", 0)),
        (";for=192.0.2.1;;", {}, ("192.0.2.1", 0)),
        ("for=unknown", {}, None),
        ("for=_mdn", {}, None),
        # What the client wrote swallows nothing of what the proxy added.
        ('for="6.6.6.6, for=192.0.2.1', {}, ("192.0.2.1", 0)),
        ('for="6.6.6.6\\, for=192.0.2.1', {}, ("192.0.2.1", 0)),
        ('x="a,b", for=192.0.2.1;x=","', {}, ("192.0.2.1", 0)),
        ('for=6.6.6.6, for=192.0.2.1;x="\\",\\\\"', {}, ("192.0.2.1", 0)),
        # The nearest proxy does not say.
        ("for=192.0.2.1, proto=https", {}, PROXY),
        # Nonsense
        ("for=2001:db8::1", {}, PROXY),
        ("for=[2001:db8::1]", {}, PROXY),
        ('for="2001:db8::1"', {}, PROXY),
        ("for=192.0.2.1;for=192.0.2.2", {}, PROXY),
        ("for = 192.0.2.1", {}, PROXY),
        ("192.0.2.1", {}, PROXY),
        ('for="192.0.2.1', {}, PROXY),
        ("for=192.0.2.1, for=10.0.0.2, nonsense", {}, PROXY),
        ("for=192.0.2.1;proto=gopher", {}, PROXY),
        ("for=192.0.2.1;host=a@b", {}, PROXY),
    ],
)
def test_forwarded_names_the_client(value, options, client):
    assert through([("forwarded", value)], mode="modern", **options)["client"] == client


def test_forwarded_tells_scheme_and_host_of_the_same_hop():
    value = 'for=192.0.2.1;proto=https;host="shop.example:444", for=10.0.0.2;proto=http;host=x'
    scope = through([("forwarded", value)], mode="modern")
    assert (scope["scheme"], host_of(scope)) == ("https", b"shop.example:444")
    assert scope["server"] == ("shop.example", 444)


def test_forwarded_is_read_for_what_is_asked_for():
    value = "for=192.0.2.1;proto=https;host=shop.example"
    scope = through([("forwarded", value)], mode="modern", fields=["proto"])
    assert (scope["client"], scope["scheme"]) == (PROXY, "https")
    assert host_of(scope) == b"inner:8000"


# Others


def test_the_log_hears_of_it():
    record: dict = {}
    headers = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")]
    fields = [(n.encode(), v.encode()) for n, v in headers]
    scope = make_scope(headers=fields, client=PROXY, extensions={RECORD: record})
    call(ProxyFix(ok, trusted=["10.0.0.1"]), scope)
    assert record == {"client": ("192.0.2.1", 0), "scheme": "https"}
    assert scope["client"] == PROXY


def test_what_it_remembers_is_bounded():
    middleware = ProxyFix(ok, trusted=["127.0.0.1"])
    for number in range(3000):
        value = f"192.0.{number // 256}.{number % 256}" + "," * (300 * (number % 2))
        call(middleware, make_scope(headers=[(b"x-forwarded-for", value.encode())]))
        assert seen[-1]["client"] == (value.rstrip(","), 0) or number % 2
    assert 0 < len(middleware._known) <= 1024
    assert all(len(value) <= 256 for fields in middleware._known for _, value in fields)


def test_it_says_what_it_is():
    middleware = ProxyFix(ok, trusted=["10.0.0.1", "unix"], hops=2)
    assert repr(middleware) == "<ProxyFix legacy trusted=10.0.0.1, unix hops=2>"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "trusted names nobody"),
        ({"trusted": ["10.0.0.0/33"]}, "'10.0.0.0/33' is no address"),
        ({"trusted": ["10.0.0.1/8"]}, "is 10.0.0.0/8 meant?"),
        ({"trusted": ["*"]}, "'*' is no address"),
        ({"truste": ["10.0.0.1"]}, "did you mean trusted?"),
        ({"trusted": ["10.0.0.1"], "mode": "odd"}, "none of legacy, modern"),
        ({"trusted": ["10.0.0.1"], "hops": -1}, "at least 0"),
        ({"trusted": ["10.0.0.1"], "fields": ["fro"]}, "'fro' is none of for, proto"),
        ({"trusted": ["10.0.0.1"], "mode": "modern", "fields": ["port"]}, "which modern has"),
        ({"trusted": ["10.0.0.1"], "fields": []}, "nothing to believe"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, problem):
    with pytest.raises(ConfigError) as caught:
        make(ok, options, make_app_context())
    [line] = caught.value.problems
    assert line.startswith("middleware proxy_fix: ")
    assert problem in line
