"""The scope of an HTTP request: exactly these keys, types and values (ASGI HTTP 2.5)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from nonecorn.spi import TLSInfo
from tests.builtin.http.opened import Opened, Script

REQUEST_KEYS = {
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "headers",
    "client",
    "server",
    "extensions",
}
EXTENSIONS: dict[str, dict[str, Any]] = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
    "http.response.trailers": {},
    "http.response.zerocopysend": {},
    "http.request.trailers": {},
}


def scope_of(**options: Any) -> dict[str, Any]:
    app = Script()
    Opened(app, **options)
    (scope,) = app.scopes
    return dict(scope)


def test_a_scope_has_these_keys_and_values() -> None:
    headers = [(b"host", b"example.com"), (b"x", b"1"), (b"x", b"2")]
    scope = scope_of(method="POST", path=b"/a%20b", query=b"q=%20", headers=headers, root_path="/r")
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"q=%20",
        "root_path": "/r",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "extensions": EXTENSIONS | scope["extensions"],
    }


def test_a_scope_has_no_other_keys() -> None:
    assert set(scope_of()) == REQUEST_KEYS
    assert set(scope_of(state={})) == REQUEST_KEYS | {"state"}


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
def test_the_version_is_the_exchanges(version: str) -> None:
    assert scope_of(version=version)["http_version"] == version


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", "/"),
        (b"/%41", "/A"),
        (b"/%2F", "//"),
        (b"/%C3%A9", "/\xe9"),
        (b"/%e2%82%ac", "/\u20ac"),
        (b"/%ff", "/\ufffd"),
        (b"/%c3", "/\ufffd"),
        (b"/%", "/%"),
        (b"/%zz%4", "/%zz%4"),
        (b"/%25%32%35", "/%25"),
        (b"/a+b", "/a+b"),
        (b"/%00", "/\0"),
        (b"*", "*"),
    ],
)
def test_a_path_is_decoded_once_and_raw_path_is_not(raw: bytes, path: str) -> None:
    scope = scope_of(path=raw)
    assert (scope["path"], scope["raw_path"]) == (path, raw)


def test_a_unix_client_has_no_address() -> None:
    scope = scope_of(port={"client": None, "server": ("/run/app.sock", None)})
    assert (scope["client"], scope["server"]) == (None, ("/run/app.sock", None))


def test_each_request_has_containers_of_its_own() -> None:
    class Greedy(Script):
        async def __call__(self, scope, receive, send) -> None:
            await super().__call__(copy.deepcopy(scope), receive, send)
            scope["asgi"]["x"] = scope["extensions"]["x"] = scope["state"]["x"] = 1
            scope["x"] = 1

    app = Greedy()
    state = {"pool": []}
    first = Opened(app, state=state)
    context = first.context
    Opened(app, runtime=first.runtime, state=state)
    one, two = app.scopes
    assert one == two
    assert state == {"pool": []}
    assert context.state is state


def test_state_is_a_shallow_copy() -> None:
    pool: list[object] = []
    scope = scope_of(state={"pool": pool})
    assert scope["state"]["pool"] is pool


def test_state_is_absent_where_lifespan_is_not_supported() -> None:
    assert "state" not in scope_of()


def test_extensions_that_hold_everywhere_are_offered_everywhere() -> None:
    offered = scope_of()["extensions"]
    assert {name: offered[name] for name in EXTENSIONS} == EXTENSIONS


def test_the_tls_extension_is_there_with_tls_only() -> None:
    assert "tls" not in scope_of()["extensions"]
    facts = {"tls_version": 0x0304, "server_cert": None}
    tls = TLSInfo(alpn=b"http/1.1", server_name="a", extension=facts)
    scope = scope_of(port={"tls": tls}, scheme="https")
    assert (scope["extensions"]["tls"], scope["scheme"]) == (facts, "https")


def test_push_is_offered_where_the_exchange_can() -> None:
    assert "http.response.push" not in scope_of()["extensions"]
    assert "http.response.push" in scope_of(exchange={"can_push": True})["extensions"]


def test_the_observers_see_the_applications_scope_before_it_runs() -> None:
    seen: list[int] = []

    async def app(scope, receive, send) -> None:
        seen.append(len(opened.started))

    opened = Opened(app, run=False)
    opened.run()
    assert seen == [1]
    assert opened.started == [opened.stream.scope]
    assert opened.started[0] is opened.stream.scope
