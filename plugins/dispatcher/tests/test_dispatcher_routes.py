"""Which application gets a request, and what it finds in its scope."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn.spi import ConfigError
from nonecorn.testing import make_app_context
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn_dispatcher import Dispatcher, Mount
from nonecorn_dispatcher._middleware import make


class Named:
    """An application that answers its name, and keeps its scopes."""

    def __init__(self, name):
        self.name = name
        self.scopes = []

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": self.name.encode()})


def dispatcher(*places, default=True):
    mounts = []
    for place in places:
        host, slash, path = place.partition("/")
        mounts.append(Mount(Named(place), path=slash + path, host=host))
    return Dispatcher(mounts, default=Named("default") if default else None)


def asked(app, target, host="test", **more):
    raw = target.encode("latin-1")
    scope = make_scope(
        path=unquote(target), raw_path=raw, headers=[(b"host", host.encode())], **more
    )
    return call(app, scope).content.decode()


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("/api", "/api"),
        ("/api/", "/api"),
        ("/api/x", "/api"),
        ("/api/v1", "/api/v1"),
        ("/api/v1/x/y", "/api/v1"),
        ("/api/v10", "/api"),
        ("/apis", "default"),
        ("/ap", "default"),
        ("/", "default"),
        ("//api/x", "default"),
        ("/API", "default"),
        # Percent-encoding says the same, but for slashes.
        ("/%61pi/x", "/api"),
        ("/a b/x", "/a b"),
        ("/a%20b/x", "/a b"),
        ("/api%2Fx", "default"),
        ("/api%2fv1/x", "default"),
        ("/api/v1%2Fx", "/api"),
        ("/api/x%2Fy", "/api"),
        ("/%2Fapi/x", "default"),
        ("%2Fapi/x", "default"),
        ("/api%252Fx", "default"),
        # Whatever else stands there does not make such a slash one that separates.
        ("/api%2Fx%00", "default"),
        ("/api%2F%00/x", "default"),
        ("/api%2Fx%FF", "default"),
        ("/api%00/x", "default"),
        ("*", "default"),
    ],
)
def test_paths_are_compared_in_segments_and_the_longest_wins(target, answer):
    assert asked(dispatcher("/api", "/api/v1", "/a b"), target) == answer


@pytest.mark.parametrize(
    ("host", "target", "answer"),
    [
        ("a.example", "/", "a.example"),
        ("A.Example.:8000", "/y", "a.example"),
        ("a.example", "/x/y", "a.example/x"),
        ("b.a.example", "/", "*.a.example"),
        ("c.b.a.example", "/", "*.a.example"),
        ("b.example", "/", "*.example"),
        ("aa.example", "/", "*.example"),
        ("example", "/", "default"),
        ("example", "/x", "/x"),
        ("a.example", "/api", "a.example"),
        ("[::1]:80", "/", "[::1]"),
        ("a.example@x", "/", "default"),
        ("", "/", "default"),
    ],
)
def test_a_host_goes_before_a_wildcard_and_both_before_paths(host, target, answer):
    places = ["/x", "/api", "*.example", "*.a.example", "a.example", "a.example/x", "[::1]"]
    assert asked(dispatcher(*places), target, host) == answer


def test_a_scope_without_a_host_is_for_mounts_without_one():
    scope = make_scope(path="/x", headers=[])
    assert call(dispatcher("a.example", "/x"), scope).content == b"/x"


@pytest.mark.parametrize(
    ("path", "root", "inner_root", "inner_path"),
    [
        ("/api/x", "", "/api", "/api/x"),
        ("/api", "", "/api", "/api"),
        # The server's own root_path, with the path as ASGI has it, and as it is after a proxy.
        ("/app/api/x", "/app", "/app/api", "/app/api/x"),
        ("/api/x", "/app", "/app/api", "/app/api/x"),
        ("/api/api/x", "/api", "/api/api", "/api/api/x"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket", "webtransport"])
def test_the_path_begins_with_the_root_path(kind, path, root, inner_root, inner_path):
    app = Named("api")
    scope = make_scope(type=kind, path=path, raw_path=b"/raw", root_path=root)
    call(Dispatcher({"/api": app}), scope)
    [inner] = app.scopes
    assert (inner["root_path"], inner["path"]) == (inner_root, inner_path)
    assert inner["raw_path"] == b"/raw"
    assert {**inner, "path": path, "root_path": root} == scope


def test_a_mount_by_host_alone_changes_nothing():
    app = Named("shop")
    scope = make_scope(path="/x", root_path="/y", headers=[(b"host", b"shop.example")])
    call(Dispatcher([Mount(app, host="shop.example")]), scope)
    assert app.scopes == [scope]


def test_dispatchers_may_stand_in_each_other():
    leaf = Named("leaf")
    outer = Dispatcher({"/a": Dispatcher({"/b": leaf}, default=Named("inner"))})
    assert asked(outer, "/a/b/c") == "leaf"
    assert asked(outer, "/a/c") == "inner"
    assert (leaf.scopes[0]["root_path"], leaf.scopes[0]["path"]) == ("/a/b", "/a/b/c")


SEGMENT = st.text(st.sampled_from("ab/%2F .é\0"), min_size=1, max_size=4)


@given(st.lists(SEGMENT, min_size=1, max_size=4), st.lists(SEGMENT, min_size=1, max_size=3))
def test_a_request_reaches_a_mount_if_its_segments_begin_so(segments, prefix):
    """Whatever is in a segment: as it is encoded, it stays one."""
    prefix = ["".join(c for c in each if c not in "/%") or "x" for each in prefix]
    if {".", ".."} & set(prefix):
        prefix = ["x"]
    raw = "".join(f"/{quote(each, safe='')}" for each in segments)
    expected = segments[: len(prefix)] == prefix
    app = Dispatcher({"/" + "/".join(prefix): Named("inner")}, default=Named("default"))
    assert asked(app, raw) == ("inner" if expected else "default")


def test_without_a_default_there_is_404():
    app = dispatcher("/api", default=False)
    response = call(app, make_scope(path="/x"))
    assert (response.status, response.content) == (404, b"Not Found")


def test_without_a_default_sockets_are_turned_away():
    under_way = Call(dispatcher("/api", default=False), make_scope(type="websocket", path="/x"))
    under_way.feed({"type": "websocket.connect"})
    assert under_way.sent == [{"type": "websocket.close"}]


def test_where_the_server_can_say_so_a_socket_is_not_found_either():
    scope = make_scope(
        type="websocket", path="/x", extensions={"websocket.http.response": {}}, scheme="ws"
    )
    under_way = Call(dispatcher("/api", default=False), scope)
    assert under_way.sent == []  # the handshake is heard first
    under_way.feed({"type": "websocket.connect"})
    start, body = under_way.sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 404)
    assert body == {"type": "websocket.http.response.body", "body": b"Not Found"}


def test_without_a_default_other_scopes_go_unanswered():
    under_way = Call(dispatcher("/api", default=False), make_scope(type="other", path="/x")).step()
    assert (under_way.done, under_way.sent, under_way.error) == (True, [], None)


def test_it_says_what_it_is():
    app = Dispatcher([Mount(hello, "/api"), Mount(hello, host="a.example")], default=hello)
    assert repr(app).startswith("<Dispatcher <Routes a.example, /api> default=<function hello")
    assert repr(Mount(hello, "/api", "a.example")).startswith("<Mount a.example/api of <function")


# Mistakes


@pytest.mark.parametrize(
    ("mounts", "problem"),
    [
        ([], "mounts is empty"),
        ("api:app", "mounts is no list of tables"),
        ([{"path": "/api"}], "mount 1: app names no application"),
        ([{"app": "a:a"}], "mount 1: give path, host or both"),
        ([{"path": "/", "app": "a:a"}], "mount 1: give path, host or both"),
        ([{"path": "api", "app": "a:a"}], "mount 1: path: 'api' begins with no slash"),
        ([{"path": "/a//b", "app": "a:a"}], "is no path of segments"),
        ([{"path": "/a/../b", "app": "a:a"}], "is no path of segments"),
        ([{"path": "/a%20b", "app": "a:a"}], "write it as it reads"),
        ([{"host": "a.example:80", "app": "a:a"}], "leave the port out"),
        ([{"path": "/a", "ap": "a:a", "app": "x:y"}], "unknown option 'ap': did you mean app?"),
        ([{"path": "/a", "app": "a:a", "lifespan": "of"}], "none of auto, on, off"),
        (
            [{"path": "/a", "app": "x:y"}, {"path": "/a/", "app": "x:z"}],
            "mount 2: /a is mounted twice",
        ),
    ],
)
def test_mounts_that_make_no_sense_are_refused(mounts, problem):
    with pytest.raises(ConfigError) as caught:
        make(hello, {"mounts": mounts}, make_app_context())
    [line] = caught.value.problems
    assert line.startswith("middleware dispatcher: ")
    assert problem in line


def test_all_problems_are_named():
    mounts = [{"path": "api"}, {"host": "x y", "app": "a:a"}]
    with pytest.raises(ConfigError) as caught:
        make(hello, {"mounts": mounts, "mount": 1}, make_app_context())
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("mounts", "problem"),
    [
        ([], "nothing mounted"),
        ([Mount(hello, "/a"), Mount(hello, "/a/")], "/a is mounted twice"),
    ],
)
def test_in_code_too(mounts, problem):
    with pytest.raises(ValueError, match=problem):
        Dispatcher(mounts)


@pytest.mark.parametrize("given", [{"path": "a"}, {"host": "a b"}, {}, {"path": "/"}])
def test_a_mount_is_somewhere(given):
    with pytest.raises(ValueError, match=r"slash|no host|neither"):
        Mount(hello, **given)


def test_an_application_that_is_mounted_twice_is_loaded_once():
    opened = []
    context = make_app_context(apps={"a:a": hello})
    opener = context.opener
    context.opener = lambda *args: opened.append(args) or opener(*args)
    mounts = [{"path": f"/{n}", "app": "a:a", "interface": "asgi3"} for n in range(2)]
    make(hello, {"mounts": mounts}, context)
    assert opened == [("a:a", "asgi3", False)]
