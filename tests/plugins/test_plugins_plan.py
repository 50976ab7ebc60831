"""The Plan: who serves what, and every reason to refuse."""

import pickle

import pytest

from nonecorn.config import prepare
from nonecorn.plan import Plan, compile_plan
from nonecorn.plugins import Selection, load
from nonecorn.spi import ConfigError, Kind, PluginConflictError, PluginNotFoundError

PROTOCOL = "ProtocolSpec(name={0!r}, serves={0!r}, factory=Ref('m:a'), {1})"


def compiled(**settings):
    plugins, config = prepare(None, settings, environ={})
    return compile_plan(config, plugins)


def offering(kind, *specs):
    return f"@hookimpl\ndef nonecorn_{kind}(): return [{', '.join(specs)}]\n"


def layers(*names):
    return offering(
        "middleware", *(f"MiddlewareSpec(name={n!r}, middleware=Ref('m:a'))" for n in names)
    )


def stream(name, token, more):
    return offering(
        "streams", f"StreamSpec(name={name!r}, factory=Ref('m:a'), upgrade={token!r}, {more})"
    )


QUIC = offering(
    "transports",
    "TransportSpec(name='mine', bind=Ref('m:a'), option='quic_bind', kind=Kind.DATAGRAM,"
    " endpoint=Ref('m:a'))",
)


@pytest.fixture
def cert(tmp_path):
    """A file that can be read; what is in it is not this module's business."""
    path = tmp_path / "cert.pem"
    path.write_text("")
    return str(path)


def serving(plan):
    return [spec.name for spec in plan.protocols]


# What is in it


def test_the_plan_of_no_configuration_serves_http_on_loopback():
    plan = compiled()
    [listener] = plan.listeners
    assert (listener.address, listener.transport.name, listener.tls) == (
        "127.0.0.1:8000",
        "tcp",
        False,
    )
    assert plan.worker.name == "uvloop"
    assert serving(plan) == ["h2", "httptools"]
    assert [spec.name for spec in plan.streams] == ["http", "websocket", "webtransport"]
    assert [spec.name for spec in plan.app_wrappers] == ["asgi3", "asgi2", "wsgi"]
    assert [spec.name for spec in plan.observers] == ["access_log"]
    assert plan.plugins == (
        "asgi 1.0.0",
        "h2 1.0.0",
        "httptools 1.0.0",
        "uvloop 1.0.0",
        "webtransport 1.0.0",
        "ws 1.0.0",
        "wsgi 1.0.0",
    )
    assert {"", "limits", "h2", "http1"} <= set(plan.settings)
    assert plan.server.backlog == 2048


def test_a_plan_pickles_and_a_worker_needs_no_plugin_machinery_to_read_it(site):
    site.plugin("mine", "@hookimpl\ndef nonecorn_report(config): return ['hello']")
    make = """
        import pickle, sys
        from nonecorn.config import prepare
        from nonecorn.plan import compile_plan
        plugins, config = prepare({}, environ={})
        plan = compile_plan(config, plugins)
        thin = ("", "plugin", "_settings")
        loaded = [name for name in sys.modules if name.startswith("nonecorn_")]
        assert [name for name in loaded if name.partition(".")[2] not in thin] == [], loaded
        sys.stdout.write(pickle.dumps(plan).hex())
    """
    read = f"""
        import pickle, sys
        plan = pickle.loads(bytes.fromhex({site.python(make)!r}))
        assert plan.report == ("hello",)
        heavy = {{"pluggy", "click", "importlib.metadata", "nonecorn.plugins"}}
        loaded = [name for name in sys.modules if name.startswith("nonecorn_")]
        descriptors = [name for name in loaded if name.endswith(".plugin")]
        print(heavy & set(sys.modules), descriptors, plan.worker.name)
    """
    assert site.python(read).strip() == "set() [] uvloop"


def test_a_pickled_plan_is_the_same_plan():
    plan = compiled()
    again = pickle.loads(pickle.dumps(plan))
    assert isinstance(again, Plan)
    assert again == plan


# Worker


def test_the_worker_is_the_one_configured():
    plan = compiled(worker="trio")
    assert plan.worker.name == "trio"
    assert "trio 1.0.0" in plan.plugins
    assert "uvloop 1.0.0" not in plan.plugins


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"worker": "tro"}, "installed: asyncio, trio, uvloop; did you mean 'trio'"),
        ({"worker": "gevent"}, "installed: asyncio, trio, uvloop$"),
        ({"worker": "trio", "no_plugin": ["trio"]}, "is blocked: drop --no-plugin trio"),
        ({"worker": "trio", "autoload": False}, "is not loaded: give --plugin trio"),
        ({"worker": "h11"}, "installed: asyncio, trio, uvloop$"),
        # Any extra: no worker is missing in this environment.
        ({"worker": "testing"}, r'asyncio, trio, uvloop; pip install "nonecorn\[testing\]"$'),
    ],
)
def test_a_worker_that_is_not_there_is_named_with_the_reason(settings, reason):
    with pytest.raises(PluginNotFoundError, match=reason) as caught:
        compiled(**settings)
    assert f"worker (argument worker): there is no worker {settings['worker']!r}" in str(
        caught.value
    )


def test_a_worker_whose_plugin_is_broken_is_explained_by_what_broke_it(site):
    site.plugin("curio", "import a_library_that_is_not_there")
    plugins, config = prepare({"worker": "curio", "no_plugin": ["curio"]}, environ={})
    plugins = load(Selection(), lenient=True)
    with pytest.raises(PluginNotFoundError, match="No module named 'a_library_that_is_not_there'"):
        compile_plan(config, plugins)


def test_without_any_worker_the_start_ends_with_what_to_install():
    with pytest.raises(PluginNotFoundError, match="no worker to run on") as caught:
        compiled(no_plugin=["asyncio", "trio", "uvloop"])
    assert "asyncio is blocked, trio is blocked, uvloop is blocked" in str(caught.value)


def test_two_default_workers_are_a_conflict_that_worker_decides(site):
    spec = "WorkerSpec(name='mine', worker=Ref('m:a'), priority=10)"
    site.plugin("mine", offering("workers", spec))
    with pytest.raises(PluginConflictError, match=r"'mine' .* 'uvloop' .*--worker decides"):
        compiled()
    assert compiled(worker="mine").worker.name == "mine"


# Protocols and streams


def test_plugin_decides_between_engines():
    plan = compiled(plugin=["h11"])
    assert serving(plan) == ["h2", "h11"]
    assert "h11 1.0.0" in plan.plugins
    assert "httptools 1.0.0" not in plan.plugins


def test_of_two_that_are_named_the_higher_priority_serves():
    assert serving(compiled(plugin=["h11", "httptools"])) == ["h2", "httptools"]


def test_protocols_come_in_the_order_of_alpn_and_then_of_names(site):
    specs = [
        PROTOCOL.format("z-first", "alpn=(b'z',), alpn_preference=20"),
        PROTOCOL.format("b-last", ""),
        PROTOCOL.format("a-last", ""),
        PROTOCOL.format("y-second", "alpn=(b'y',), alpn_preference=10"),
    ]
    site.plugin("mine", offering("protocols", *specs))
    assert serving(compiled()) == ["z-first", "h2", "y-second", "a-last", "b-last", "httptools"]


def test_what_is_off_by_default_serves_when_it_is_required(site):
    protocol = offering("protocols", PROTOCOL.format("h9", "on_by_default=False"))
    site.plugin("mine", protocol + stream("tunnel", b"tunnel", "on_by_default=False"))
    plan = compiled()
    assert serving(plan) == ["h2", "httptools"]
    assert "tunnel" not in [spec.name for spec in plan.streams]
    assert "mine 1.0" not in plan.plugins
    plan = compiled(plugin=["mine"])
    assert serving(plan) == ["h2", "h9", "httptools"]
    assert "tunnel" in [spec.name for spec in plan.streams]
    assert "mine 1.0" in plan.plugins


def test_of_two_streams_for_one_token_the_higher_priority_or_the_named_one_serves(site):
    site.plugin("low", stream("low", b"websocket", "priority=1"))
    site.plugin("high", stream("high", b"WebSocket", "priority=2"))
    assert [spec.name for spec in compiled().streams][:2] == ["http", "high"]
    assert [spec.name for spec in compiled(plugin=["low"]).streams][:2] == ["http", "low"]


@pytest.mark.parametrize(
    ("blocked", "advice"),
    [
        (["h11", "httptools"], "h11 is blocked, httptools is blocked"),
        (["asgi", "wsgi"], "asgi is blocked"),
    ],
)
def test_what_nobody_serves_is_refused_with_what_is_blocked(blocked, advice):
    with pytest.raises(PluginNotFoundError, match=advice):
        compiled(no_plugin=blocked)


def test_without_a_protocol_the_address_is_named_and_what_to_load():
    with pytest.raises(
        PluginNotFoundError, match=r"no protocol serves 127.0.0.1:8000: give --plugin h11"
    ):
        compiled(autoload=False, plugin=["asyncio", "asgi"])


def test_a_protocol_that_must_be_negotiated_does_not_serve_a_listener_alone(site):
    site.plugin("mine", offering("protocols", PROTOCOL.format("h9", "alpn=(b'h9',)")))
    with pytest.raises(PluginNotFoundError, match="no protocol serves"):
        compiled(no_plugin=["h11", "httptools"])


# Listeners


def test_addresses_go_to_the_transport_with_the_longest_prefix(site):
    spec = "TransportSpec(name='abstract', bind=Ref('m:a'), prefix='unix:@')"
    site.plugin("mine", offering("transports", spec))
    plan = compiled(bind=["localhost:0", "unix:/run/app.sock", "unix:@name", "fd://3"])
    assert [(x.address, x.transport.name) for x in plan.listeners] == [
        ("localhost:0", "tcp"),
        ("unix:/run/app.sock", "unix"),
        ("unix:@name", "abstract"),
        ("fd://3", "fd"),
    ]
    assert "mine 1.0" in plan.plugins


def test_a_certificate_makes_addresses_secure_but_for_those_that_are_not_to_be(cert):
    plan = compiled(bind=["[::1]:0"], insecure_bind=["127.0.0.1:0", "unix:x"], certfile=cert)
    assert [(x.address, x.transport.name, x.tls) for x in plan.listeners] == [
        ("[::1]:0", "tcp", True),
        ("127.0.0.1:0", "tcp", False),
        ("unix:x", "unix", False),
    ]


@pytest.mark.parametrize("option", ["insecure_bind", "quic_bind"])
def test_addresses_that_only_mean_something_beside_tls_need_a_certificate(option):
    with pytest.raises(ConfigError, match=f"{option}.*certfile") as caught:
        compiled(**{option: ["127.0.0.1:0"]})
    assert caught.value.exit_code == 2


def test_quic_needs_a_transport_for_datagrams(cert):
    with pytest.raises(PluginNotFoundError) as caught:
        compiled(
            quic_bind=["127.0.0.1:0"], certfile=cert, autoload=False, plugin=["asyncio", "asgi"]
        )
    message = str(caught.value)
    assert "quic_bind (argument quic_bind): no transport takes the address '127.0.0.1:0'" in message
    assert "give --plugin h3" in message


def test_quic_needs_a_protocol_over_datagrams(site, cert):
    site.plugin("mine", QUIC)
    with pytest.raises(PluginNotFoundError, match=r"no protocol serves .*h3 is blocked"):
        compiled(quic_bind=["127.0.0.1:0"], certfile=cert, no_plugin=["h3"])


def test_an_address_for_quic_opts_in_to_protocols_over_datagrams(site, cert):
    spec = PROTOCOL.format("h9", "kind=Kind.DATAGRAM, alpn=(b'h9',), on_by_default=False")
    site.plugin("mine", QUIC + offering("protocols", spec))
    assert serving(compiled(certfile=cert, no_plugin=["h3"])) == ["h2", "httptools"]
    plan = compiled(quic_bind=["127.0.0.1:0"], certfile=cert, no_plugin=["h3"])
    assert serving(plan) == ["h2", "h9", "httptools"]
    assert plan.listeners[-1].transport.kind is Kind.DATAGRAM
    assert plan.listeners[-1].tls
    assert "mine 1.0" in plan.plugins


def test_a_plugin_for_quic_that_is_asked_for_serves_where_tls_is_served(cert):
    plan = compiled(
        plugin=["h3"],
        bind=["localhost:0", "unix:x"],
        insecure_bind=["127.0.0.1:0"],
        certfile=cert,
    )
    assert serving(plan) == ["h2", "h3", "httptools"]
    assert [(x.address, x.transport.name, x.follows) for x in plan.listeners] == [
        ("localhost:0", "tcp", None),
        ("unix:x", "unix", None),
        ("127.0.0.1:0", "tcp", None),
        ("localhost:0", "quic", 0),
    ]
    plan = compiled(plugin=["h3"], quic_bind=["[::1]:0"], certfile=cert)
    assert [(x.address, x.follows) for x in plan.listeners] == [
        ("127.0.0.1:8000", None),
        ("[::1]:0", None),
    ]


def test_a_plugin_for_quic_that_is_asked_for_needs_a_certificate():
    with pytest.raises(ConfigError, match="plugin h3: QUIC is always encrypted"):
        compiled(plugin=["h3"])


def test_another_quic_transport_is_chosen_by_priority_or_by_name(site, cert):
    site.plugin("mine", QUIC)
    with pytest.raises(PluginConflictError, match="choose one: --plugin h3 or --plugin mine"):
        compiled(certfile=cert)
    plan = compiled(plugin=["mine"], quic_bind=["127.0.0.1:0"], certfile=cert)
    assert plan.listeners[-1].transport.name == "mine"


# Application side


def test_middleware_is_what_is_configured_in_that_order(site):
    site.plugin("mine", layers("one", "two"))
    assert compiled().middleware == ()
    assert "mine 1.0" not in compiled().plugins
    plan = compiled(middleware=[{"use": "two", "size": 3}, "one", {"use": "two"}])
    assert [(m.spec.name, m.options) for m in plan.middleware] == [
        ("two", {"size": 3}),
        ("one", {}),
        ("two", {}),
    ]
    assert "mine 1.0" in plan.plugins


def test_middleware_may_be_written_with_a_dash(site):
    site.plugin("mine", layers("two_words"))
    [layer] = compiled(middleware=["two-words"]).middleware
    assert layer.spec.name == "two_words"


def test_the_interface_may_be_named():
    assert compiled(interface="asgi2").server.interface == "asgi2"


def test_everything_unknown_is_reported_together(site):
    site.plugin("mine", layers("squeezer"))
    with pytest.raises(ConfigError) as caught:
        compiled(middleware=["squeeze", "qqqq"], interface="asgi4")
    interface, misspelt, unknown = caught.value.problems
    start = "interface (argument interface): there is no interface 'asgi4': installed: auto, asgi3"
    assert interface.startswith(start)
    assert interface.endswith("did you mean 'asgi3'?")
    start = "middleware (argument middleware): there is no middleware"
    assert misspelt.startswith(f"{start} 'squeeze': installed: ")
    assert misspelt.endswith("; did you mean 'squeezer'?")
    assert unknown.startswith(f"{start} 'qqqq': installed: ")
    assert "squeezer" in unknown


def test_lines_for_the_banner_are_collected(site):
    site.plugin("mine", "@hookimpl\ndef nonecorn_report(config): return [config.server.bind[0]]")
    assert compiled().report == ("127.0.0.1:8000",)
    assert "mine 1.0" not in compiled().plugins
