"""What the kernel does for middleware: checks, applications by name or none, records."""

from __future__ import annotations

import copy

import pytest

from nonecorn.config import prepare
from nonecorn.plan import compile_plan
from nonecorn.serving.application import load_application, wrap_application
from nonecorn.serving.contexts import app_context
from nonecorn.spi import (
    RECORD,
    AppLoadError,
    ConfigError,
    PluginLoadError,
    recorded_scope,
)
from nonecorn.testing import make_app_context
from nonecorn.testing.asgi import Call, call, make_scope
from tests.builtin.http.opened import Opened

PLUGIN = """
PLUGIN_API = 1
from nonecorn.spi import ConfigError, MiddlewareSpec, Ref, hookimpl

def wrap(app, options, context):
    return app

def check(options, context):
    assert context.settings[""].backlog == 7
    if options:
        raise ConfigError([f"middleware checked: {name} is odd" for name in options])

@hookimpl
def nonecorn_middleware():
    return [
        MiddlewareSpec(name="checked", middleware=Ref("MODULE:wrap"), check=Ref("MODULE:check")),
        MiddlewareSpec(name="alone", middleware=Ref("MODULE:wrap"), standalone=True),
        MiddlewareSpec(name="broken", middleware=Ref("MODULE:wrap"), check=Ref("no_such_lib:c")),
    ]
"""

APPS = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})

def make():
    return app

def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [b"wsgi"]
"""


@pytest.fixture
def plugin(tmp_path, request):
    """A plugin in a file; each test's is a module of its own."""
    name = f"layers_{abs(hash(request.node.name))}"
    path = tmp_path / f"{name}.py"
    path.write_text(PLUGIN.replace("MODULE", name))
    return str(path)


@pytest.fixture
def apps(tmp_path):
    (tmp_path / "apps.py").write_text(APPS)
    return str(tmp_path / "apps.py")


def plan_of(plugin=None, **settings):
    given = {"backlog": 7, **settings, **({"plugin": [plugin]} if plugin else {})}
    plugins, config = prepare(None, given, environ={})
    return compile_plan(config, plugins)


# Checks


def test_options_are_checked_with_everything_else(plugin):
    layers = [{"use": "checked", "a": 1, "b": 2}, "nothing", {"use": "checked"}]
    with pytest.raises(ConfigError) as caught:
        plan_of(plugin, middleware=layers, interface="no")
    interface, *problems = caught.value.problems
    assert "there is no interface 'no'" in interface
    where = "middleware (argument middleware): "
    assert problems[:2] == [f"{where}checked: a is odd", f"{where}checked: b is odd"]
    assert problems[2].startswith(f"{where}there is no middleware 'nothing'")


def test_what_has_no_check_and_what_is_not_configured_is_not_looked_at(plugin):
    plan = plan_of(plugin, middleware=[{"use": "alone", "odd": 1}, "checked"])
    assert [layer.spec.name for layer in plan.middleware] == ["alone", "checked"]


def test_a_library_that_is_missing_is_one_line(plugin):
    with pytest.raises(PluginLoadError, match="no_such_lib") as caught:
        plan_of(plugin, middleware=["broken"])
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


# Servers without an application


def test_a_standalone_layer_needs_no_application(plugin):
    plan = plan_of(plugin, middleware=["checked", "alone"])
    assert plan.standalone
    context = app_context(plan)
    app = wrap_application(plan, context, load_application(plan, context))
    response = call(app)
    assert (response.status, response.content) == (404, b"Not Found")
    socket = Call(app, make_scope(type="websocket")).feed({"type": "websocket.connect"})
    assert socket.sent == [{"type": "websocket.close"}]
    offers = {"websocket.http.response": {}}
    socket = Call(app, make_scope(type="websocket", extensions=offers))
    socket.feed({"type": "websocket.connect"})
    assert [m["type"] for m in socket.sent] == [
        f"websocket.http.response.{m}" for m in ("start", "body")
    ]
    assert socket.sent[0]["status"] == 404
    assert Call(app, make_scope(type="other")).step().sent == []
    lifespan = Call(app, {"type": "lifespan"})
    lifespan.feed({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [m["type"][-8:] for m in lifespan.sent] == ["complete"] * 2
    assert lifespan.done


def test_others_do(plugin):
    plan = plan_of(plugin, middleware=["checked"])
    assert not plan.standalone
    with pytest.raises(AppLoadError, match="no application given"):
        load_application(plan, app_context(plan))


# Applications by name


def test_an_application_is_opened_as_the_servers_own(apps):
    context = app_context(plan_of())
    assert call(context.open_app(f"{apps}:app")).content == b"here"
    assert call(context.open_app(f"{apps}:make", factory=True)).content == b"here"
    assert call(context.open_app(apps, interface="asgi3")).content == b"here"


def test_whether_the_servers_own_is_a_factory_does_not_matter(apps):
    context = app_context(plan_of(factory=True))
    assert call(context.open_app(f"{apps}:app")).content == b"here"


@pytest.mark.parametrize(
    ("target", "given", "words"),
    [
        ("{apps}:ap", {}, "did you mean 'app'?"),
        ("{apps}:make", {}, "it is a factory"),
        ("!", {}, "'!' is no application"),
        ("{apps}:app", {"interface": "asgi4"}, "there is no interface 'asgi4': installed: auto"),
    ],
)
def test_one_that_cannot_be_opened_says_why(apps, target, given, words):
    with pytest.raises(AppLoadError) as caught:
        app_context(plan_of()).open_app(target.format(apps=apps), **given)
    assert words in str(caught.value)


def test_without_a_server_there_is_none():
    context = make_app_context()
    context.opener = None
    with pytest.raises(AppLoadError, match="there is no server yet"):
        context.open_app("a:b")


# Records


def test_a_record_has_what_middleware_knows_better():
    async def app(scope, receive, send):
        scope["extensions"][RECORD].update(client=("192.0.2.1", 0), scheme="https")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    [record] = Opened(app).records
    assert (record.scope["client"], record.scope["scheme"]) == (("192.0.2.1", 0), "https")
    assert record.scope["path"] == "/"


def test_where_nobody_observes_nothing_is_asked():
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    from nonecorn.spi import Observers

    Opened(app, observers=Observers())
    assert RECORD not in scopes[0]["extensions"]


@pytest.mark.parametrize(
    "extensions", [None, {}, {RECORD: {}}, {RECORD: None}, {RECORD: 5}, {RECORD: [1]}, 7]
)
def test_an_application_may_leave_anything_there(extensions):
    scope = {"type": "http", "extensions": extensions}
    before = copy.deepcopy(scope)
    assert recorded_scope(scope) is scope
    assert scope == before
