"""Where requests are sent, and what responses carry."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn.spi import ConfigError
from nonecorn.testing import make_app_context
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn_https_redirect import HTTPSRedirect
from nonecorn_https_redirect._middleware import make

OURS = ["shop.example", "*.shop.example"]


def answer(scope=None, *, host="shop.example", app=hello, **options):
    fields = [] if host is None else [(b"host", host.encode("latin-1"))]
    given = {"hosts": OURS, **options}
    return call(HTTPSRedirect(app, **given), make_scope(**{"headers": fields, **(scope or {})}))


def location(scope=None, **given):
    response = answer(scope, **given)
    assert response.status == 307, response.content
    return dict(response.headers)[b"location"].decode("ascii")


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        (b"/", b"", "/"),
        (b"/a%20b", b"x=1&y=%2F", "/a%20b?x=1&y=%2F"),
        (b"//evil.example/", b"", "//evil.example/"),
        (b"/a\r\nset-cookie: x", b"", "/a%0D%0Aset-cookie:%20x"),
        (b"/\xc3\xa9", b"\xff\x00", "/%C3%A9?%FF%00"),
        (b"/a#b", b"c#d", "/a%23b?c%23d"),
        (b"/a\\b", b"a?b", "/a%5Cb?a?b"),
        (b"*", b"", "/"),
        (b"", b"", "/"),
    ],
)
def test_the_target_is_the_same_place(path, query, expected):
    scope = {"path": path.decode("latin-1"), "raw_path": path, "query_string": query}
    assert location(scope) == f"https://shop.example{expected}"


def test_without_a_raw_path_the_path_is_encoded():
    assert location({"path": "/ä b", "raw_path": None}) == "https://shop.example/%C3%A4%20b"


@pytest.mark.parametrize(
    ("path", "expected"), [("/x", "/app/x"), ("/app/x", "/app/x"), ("/apple", "/app/apple")]
)
def test_what_a_proxy_took_off_is_put_back(path, expected):
    scope = {"path": path, "raw_path": path.encode(), "root_path": "/app"}
    assert location(scope) == f"https://shop.example{expected}"


@pytest.mark.parametrize(
    ("host", "options", "expected"),
    [
        ("shop.example", {}, "shop.example"),
        ("SHOP.Example.", {}, "shop.example"),
        ("www.shop.example:80", {}, "www.shop.example"),
        ("a.b.shop.example:8000", {}, "a.b.shop.example"),
        ("shop.example:8000", {"port": 8443}, "shop.example:8443"),
        ("shop.example:8080", {"ports": ["8080:9443", "80:444"]}, "shop.example:9443"),
        ("shop.example", {"ports": ["8080:9443", "80:444"]}, "shop.example:444"),
        ("shop.example:81", {"ports": ["8080:9443", "80:444"]}, "shop.example"),
        ("[::1]:8000", {"hosts": ["[::1]"], "port": 8443}, "[::1]:8443"),
        ("xn--bcher-kva.example", {"hosts": ["bücher.example"]}, "xn--bcher-kva.example"),
        ("evil.example", {"hosts": ["*"]}, "evil.example"),
    ],
)
def test_hosts_that_are_ours_are_redirected_to(host, options, expected):
    assert location(host=host, **options) == f"https://{expected}/"


@pytest.mark.parametrize(
    "host", ["evil.example", "example", "notshop.example", "shop.example.evil.example", "[::1]"]
)
def test_other_hosts_are_not(host):
    response = answer(host=host)
    assert response.status == 421
    assert b"location" not in dict(response.headers)


@pytest.mark.parametrize(
    "host",
    [
        None, "", "shop.example/evil", "evil.example@shop.example", "shop.example:x",
        "shop.example:80@evil.example", "evil.example\\.shop.example", "a b.shop.example",
        "evil.example#.shop.example", "evil.example?.shop.example", "shop.example:0",
        "shop.example\r\nx: y", "evil.example%00.shop.example", "..shop.example", "[::x]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("hosts", [OURS, ["*"]])
def test_what_is_no_host_is_a_bad_request(host, hosts):
    response = answer(host=host, hosts=hosts)
    assert response.status == 400
    assert b"location" not in dict(response.headers)


def test_two_hosts_are_a_bad_request():
    headers = [(b"host", b"shop.example"), (b"host", b"shop.example")]
    assert answer({"headers": headers}).status == 400


@given(st.text(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_no_request_leads_elsewhere(host, path, query):
    fields = [(b"host", host.encode("utf-8"))]
    scope = {"raw_path": b"/" + path, "path": "/", "query_string": query, "headers": fields}
    response = answer(scope)
    found = dict(response.headers).get(b"location")
    if found is not None:
        text = found.decode("ascii")
        assert re.fullmatch(r"[!-~]+", text)
        assert urlsplit(text).hostname in {"shop.example"} | {urlsplit(f"//{host}").hostname}
        assert urlsplit(text).hostname.endswith("shop.example")
        assert urlsplit(text).username is None


def test_the_redirect_may_be_for_good():
    assert answer(status=308).status == 308


def test_paths_may_be_exempt():
    exempt = ["/.well-known/acme-challenge/", "/health"]

    def status(path):
        return answer({"path": path, "raw_path": path.encode()}, exempt=exempt).status

    assert status("/.well-known/acme-challenge/token") == 200
    assert status("/health") == status("/health/live") == 200
    assert status("/.well-known/acme-challenge") == 307
    assert status("/healthy") == 307
    assert status("/.well-known/acme-challenge/../../admin") == 307
    assert status("/.well-known/acme-challenge/..\\..\\admin") == 307


def test_challenges_of_certificate_authorities_are_exempt_by_default():
    path = "/.well-known/acme-challenge/x"
    assert answer({"path": path, "raw_path": path.encode()}).status == 200


# WebSocket


def socket(**more):
    fields = [(b"host", b"shop.example")]
    scope = make_scope(type="websocket", scheme="ws", path="/chat", headers=fields, **more)
    under_way = Call(HTTPSRedirect(hello, hosts=OURS), scope)
    return under_way.feed({"type": "websocket.connect"}).sent


def test_sockets_are_redirected_where_the_server_can():
    start, _body = socket(extensions={"websocket.http.response": {}})
    assert start["type"] == "websocket.http.response.start"
    assert start["status"] == 307
    assert (b"location", b"wss://shop.example/chat") in start["headers"]


def test_sockets_are_closed_where_it_cannot():
    assert [message["type"] for message in socket(extensions={})] == ["websocket.close"]


# Strict-Transport-Security

YEAR = {"hsts_max_age": "8760h"}


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({}, None),
        ({"hsts_max_age": 300}, b"max-age=300"),
        (YEAR, b"max-age=31536000"),
        ({**YEAR, "hsts_include_subdomains": True}, b"max-age=31536000; includeSubDomains"),
        (
            {**YEAR, "hsts_include_subdomains": True, "hsts_preload": True},
            b"max-age=31536000; includeSubDomains; preload",
        ),
    ],
)
def test_responses_with_tls_carry_the_policy(options, value):
    response = answer({"scheme": "https"}, **options)
    assert response.status == 200
    assert dict(response.headers).get(b"strict-transport-security") == value


def test_no_response_without_tls_carries_it():
    """RFC 6797 section 7.2."""
    path = {"path": "/.well-known/acme-challenge/x", "raw_path": b"/.well-known/acme-challenge/x"}
    for response in (answer(**YEAR), answer(path, **YEAR), answer(host="evil", **YEAR)):
        assert b"strict-transport-security" not in dict(response.headers)


def test_the_application_may_have_a_policy_of_its_own():
    async def app(scope, receive, send):
        headers = ((b"Strict-Transport-Security", b"max-age=0"),)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    response = answer({"scheme": "https"}, app=app, **YEAR)
    assert response.headers == [(b"Strict-Transport-Security", b"max-age=0")]


# Options


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "hosts names nobody"),
        ({"hosts": ["shop.example:80"]}, "leave the port out"),
        ({"hosts": ["https://shop.example"]}, "is no host"),
        ({"hosts": ["shop.*"]}, "is no host"),
        ({"hots": ["x"]}, "did you mean hosts?"),
        ({"hosts": ["x"], "status": 302}, "302 is neither 307 nor 308"),
        ({"hosts": ["x"], "port": 99999}, "99999 is no port"),
        ({"hosts": ["x"], "ports": ["80"]}, "'80' is no pair"),
        ({"hosts": ["x"], "exempt": ["health"]}, "begins with no slash"),
        ({"hosts": ["x"], "hsts_preload": True}, "means nothing without hsts_max_age"),
        ({"hosts": ["x"], **YEAR, "hsts_preload": True}, "needs hsts_include_subdomains"),
        (
            {"hosts": ["x"], "hsts_max_age": "1h", "hsts_include_subdomains": True,
             "hsts_preload": True},
            "an hsts_max_age of a year",
        ),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options, problem):
    with pytest.raises(ConfigError) as caught:
        make(hello, options, make_app_context())
    [line] = caught.value.problems
    assert line.startswith("middleware https_redirect: ")
    assert problem in line


def test_it_says_what_it_is():
    middleware = HTTPSRedirect(hello, hosts=["a.example"], hsts_max_age=5)
    assert repr(middleware) == "<HTTPSRedirect 307 hosts=a.example hsts=b'max-age=5'>"
