"""The descriptor, what it registers, and the translation, with a real worker that does not run."""

import os
import pickle
from contextlib import contextmanager

import pytest

import nonecorn_gunicorn
from nonecorn.spi import ConfigError, RequestRecord
from nonecorn.testing import make_app_context
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import call, make_scope
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn.testing.conformance.observer import ObserverConformance
from nonecorn_gunicorn import _current, plugin
from nonecorn_gunicorn._forwarded import Forwarded, make
from nonecorn_gunicorn._request import Request, Response
from nonecorn_gunicorn._translate import translate, without_effect

observers = pytest.importorskip("nonecorn_gunicorn._observers", reason="Gunicorn is for POSIX")
config = pytest.importorskip("gunicorn.config", reason="Gunicorn is for POSIX")
glogging = pytest.importorskip("gunicorn.glogging", reason="Gunicorn is for POSIX")


def configured(**settings):
    cfg = config.Config(prog="test")
    for name, value in settings.items():
        cfg.set(name, value)
    return cfg


@contextmanager
def serving_as(**settings):
    """This process is a worker of Gunicorn's for a while, as far as the plugin can tell."""
    cfg = configured(**settings)
    log = glogging.Logger(cfg)
    kind = nonecorn_gunicorn.AsyncioWorker
    worker = kind(1, os.getppid(), [], None, cfg.timeout / 2, cfg, log)
    _current.enter(worker)
    try:
        yield worker
    finally:
        worker.tmp.close()
        _current._worker = None


@pytest.fixture
def worker():
    with serving_as(accesslog="-", max_requests=100) as made:
        yield made


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_gunicorn.plugin"
    name = "gunicorn"


class TestForwarded(MiddlewareConformance):
    middleware = staticmethod(make)

    @pytest.fixture(autouse=True)
    def _worker(self, worker):
        pass


@pytest.mark.usefixtures("worker")
class TestCount(ObserverConformance):
    make = staticmethod(observers.count)


@pytest.mark.usefixtures("worker")
class TestRequests(ObserverConformance):
    make = staticmethod(observers.requests)


class TestHookedRequests(ObserverConformance):
    make = staticmethod(observers.requests)

    @pytest.fixture(autouse=True)
    def _worker(self):
        def hook(worker, request, *_):
            request.mark = worker

        with serving_as(pre_request=hook, post_request=hook):
            yield


def test_nothing_is_registered_in_other_servers():
    assert plugin.nonecorn_observers() == []
    with pytest.raises(ConfigError, match="in its workers only"):
        make(hello, {}, make_app_context())


def test_nothing_is_observed_that_nobody_wants():
    with serving_as():
        assert observers.count(make_app_context()) is None
        assert observers.requests(make_app_context()) is None


@pytest.mark.usefixtures("worker")
def test_references_lead_somewhere_in_a_worker():
    for spec in plugin.nonecorn_observers():
        assert pickle.loads(pickle.dumps(spec)) == spec
        assert spec.observer.load()(make_app_context()) is not None


def scheme_of(forwarded, scope):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["scheme"])
        await hello(scope, receive, send)

    response = call(forwarded(app), scope)
    return seen[0] if seen else response.status


FIELDS = {"X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on"}


@pytest.mark.parametrize(
    ("client", "trusted", "expected"),
    [
        (("192.0.2.1", 5), ["192.0.2.1"], "https"),
        (("::ffff:192.0.2.1", 5), ["192.0.2.0/24"], "https"),
        (("2001:db8::5", 5), ["2001:db8::/32"], "https"),
        (("192.0.2.1", 5), ["192.0.2.2", "2001:db8::/32"], "http"),
        (("192.0.2.1", 5), ["*"], "https"),
        (("name", 5), ["192.0.2.1"], "http"),
        (None, ["192.0.2.1"], "https"),  # of a unix socket
    ],
)
def test_who_may_tell_the_scheme(client, trusted, expected):
    scope = make_scope(headers=[(b"x-forwarded-proto", b"https")], client=client)
    assert scheme_of(lambda app: Forwarded(app, trusted, FIELDS), scope) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], "http"),
        ([(b"x-forwarded-proto", b"http")], "http"),
        ([(b"x-forwarded-ssl", b"on"), (b"x-forwarded-proto", b"https")], "https"),
        ([(b"x-forwarded-ssl", b"off"), (b"x-forwarded-proto", b"https")], 400),
        ([(b"x-forwarded-proto", b"http"), (b"x-forwarded-proto", b"https")], 400),
    ],
)
def test_what_it_tells(headers, expected):
    scope = make_scope(headers=headers)
    assert scheme_of(lambda app: Forwarded(app, ["*"], FIELDS), scope) == expected


def translated(**settings):
    return {(table, name): value for table, name, value in translate(configured(**settings))}


def test_defaults_are_gunicorns():
    found = translated()
    assert found["", "graceful_timeout"] == pytest.approx(27)
    assert found["limits", "keep_alive_timeout"] == 2
    assert found["limits", "target_size"] == 4094
    assert found["limits", "head_fields"] == 100
    assert found["limits", "connections"] == 1000
    assert found["", "backlog"] == 2048
    assert ("", "certfile") not in found
    assert ("", "proxy_protocol") not in found
    assert ("ws", "max_message") not in found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"keepalive": 0}, {("limits", "requests_per_connection"): 1}),
        ({"threads": 7}, {("wsgi", "threads"): 7}),
        ({"workers": 2}, {("wsgi", "multiprocess"): "on"}),
        ({"loglevel": "WARNING"}, {("", "log_level"): "warning"}),
        ({"limit_request_line": 0}, {("limits", "target_size"): 65536}),
        ({"limit_request_field_size": 100_000}, {("limits", "head_size"): 104_096}),
        (
            {"limit_request_fields": 4, "limit_request_field_size": 198},
            {("limits", "head_size"): 4894, ("limits", "head_fields"): 4},
        ),
        (
            {"proxy_protocol": True, "proxy_allow_ips": "192.0.2.1"},
            {
                ("", "proxy_protocol"): "trusted",
                ("", "proxy_protocol_trusted"): ["192.0.2.1", "unix"],
            },
        ),
        (
            {"proxy_protocol": True, "proxy_allow_ips": "*"},
            {("", "proxy_protocol_trusted"): ["0.0.0.0/0", "::/0", "unix"]},
        ),
    ],
)
def test_what_is_made_of_a_setting(settings, expected):
    found = translated(**settings)
    assert {key: found[key] for key in expected} == expected


def test_settings_without_effect_are_named():
    [line] = without_effect(configured(casefold_http_method=True))
    assert line.startswith("casefold_http_method has no effect on this worker class: ")


def test_a_request_looks_like_gunicorns():
    scope = make_scope(
        method="PUT",
        raw_path=b"/a%20b",
        query_string=b"c=d",
        headers=[(b"x-tea", b"oolong")],
        client=("192.0.2.1", 5),
    )
    request = Request(dict(scope))
    assert (request.method, request.uri, request.version) == ("PUT", "/a%20b?c=d", (1, 1))
    assert request.headers == [("X-TEA", "oolong")]
    environ = request.environ()
    assert environ["HTTP_X_TEA"] == "oolong"
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("192.0.2.1", "5")
    assert repr(request) == "<Request PUT '/a%20b?c=d'>"


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (201, "", "201 Created"),
        (299, "", "299"),
        (None, "client-gone", "499"),
        (None, "app-error", "500 Internal Server Error"),
    ],
)
def test_a_response_looks_like_gunicorns(status, reason, expected):
    record = RequestRecord(
        scope={},
        status=status,
        headers=[(b"x-tea", b"oolong")],
        sent=3,
        received=0,
        duration=0.5,
        reason=reason,
    )
    response = Response(record)
    assert response.status == expected
    assert (response.headers, response.sent) == ([("x-tea", "oolong")], 3)
    assert repr(response) == f"<Response {expected} sent=3>"


def test_a_worker_says_what_it_is(worker):
    assert repr(worker) == "<AsyncioWorker [booting] age=1>"
    worker.alive = False
    assert repr(worker) == "<AsyncioWorker [booting] age=1 ending>"
