"""Specs and settings of all plugins: usable, and no two claims that exclude each other."""

import dataclasses
import typing

import pytest

from nonecorn.plugins import Selection, load
from nonecorn.plugins.validation import CHECKS, annotation
from nonecorn.spi import BadSpecError, PluginConflictError, Spec

HOOKS = {
    "worker": "WorkerSpec(name={name!r}, worker=Ref('m:a'))",
    "transport": "TransportSpec(name={name!r}, bind=Ref('m:a'), prefix={name!r})",
    "protocol": "ProtocolSpec(name={name!r}, serves={name!r}, factory=Ref('m:a'){more})",
    "stream": "StreamSpec(name={name!r}, upgrade={name!r}.encode(), factory=Ref('m:a'){more})",
    "app_loader": "AppLoaderSpec(name={name!r}, load=Ref('m:a'))",
    "app_wrapper": "AppWrapperSpec(name={name!r}, wrap=Ref('m:a'), detect=Ref('m:a'))",
    "middleware": "MiddlewareSpec(name={name!r}, middleware=Ref('m:a'))",
    "observer": "ObserverSpec(name={name!r}, observer=Ref('m:a'))",
    "command": "CommandSpec(name={name!r}, help='', command=Ref('m:a'))",
}


def offer(kind, name, more=""):
    hook = f"nonecorn_{kind}" if kind == "middleware" else f"nonecorn_{kind}s"
    spec = HOOKS[kind].format(name=name, more=f", {more}" if more else "")
    return f"@hookimpl\ndef {hook}(): return [{spec}]"


def table(table, fields="x: int = setting(0, help='')", decorator="frozen=True, kw_only=True"):
    return f"""
import dataclasses
from typing import ClassVar
@dataclasses.dataclass({decorator})
class Mine(Settings):
    table: ClassVar[str] = {table!r}
    {fields}
@hookimpl
def nonecorn_settings(): return [Mine]
"""


def loaded(*required):
    return load(Selection(required=required, autoload=False))


def both(site, body_a, body_b):
    site.plugin("aaa", body_a)
    site.plugin("bbb", body_b, version="2.0")
    return loaded("aaa", "bbb")


def assert_names_both(error):
    message = str(error.value)
    assert "'aaa' (nonecorn-aaa 1.0)" in message
    assert "'bbb' (nonecorn-bbb 2.0)" in message
    assert "--no-plugin aaa or --no-plugin bbb" in message
    assert "\n" not in message


# One name


@pytest.mark.parametrize("kind", [kind for kind in HOOKS if kind != "command"])
def test_two_specs_of_one_name_are_a_conflict(site, kind):
    plugins = both(site, offer(kind, "same"), offer(kind, "same"))
    with pytest.raises(PluginConflictError, match="'same'") as caught:
        plugins.registry()
    assert_names_both(caught)


def test_two_commands_of_one_name_are_a_conflict(site):
    plugins = both(site, offer("command", "same"), offer("command", "same"))
    with pytest.raises(PluginConflictError, match="the command 'same'") as caught:
        plugins.commands()
    assert_names_both(caught)


def test_commands_of_the_kernel_are_its_own(site):
    from nonecorn.cli.group import COMMANDS
    from nonecorn.plugins import loaded as module

    assert set(COMMANDS) == set(module.COMMANDS)
    site.plugin("aaa", offer("command", "serve"))
    with pytest.raises(PluginConflictError, match=r"'serve'; leave one out: --no-plugin aaa$"):
        loaded("aaa").commands()


def test_a_plugin_in_conflict_with_itself_is_told_so(site):
    body = offer("observer", "same")
    site.plugin("aaa", body.replace("]", ", " + body.partition("[")[2]))
    with pytest.raises(PluginConflictError, match=r"'aaa' .* twice: a mistake in that plugin"):
        loaded("aaa").registry()


def test_names_of_different_kinds_do_not_conflict(site):
    plugins = both(site, offer("observer", "same"), offer("middleware", "same"))
    registry = plugins.registry()
    assert [spec.name for spec in registry.of(plugins.info("aaa"))] == ["same"]
    assert repr(registry).endswith("app_wrappers=0 middleware=1 observers=2>")


def test_two_transports_of_one_prefix_are_a_conflict(site):
    first = offer("transport", "x").replace("prefix='x'", "prefix='same:'")
    second = offer("transport", "y").replace("prefix='y'", "prefix='same:'")
    plugins = both(site, first, second)
    with pytest.raises(PluginConflictError, match="begin with 'same:'") as caught:
        plugins.registry()
    assert_names_both(caught)


def test_who_takes_addresses_without_a_prefix_must_be_asked_for(site):
    site.plugin("aaa", offer("transport", "x").replace("prefix='x'", "prefix=''"))
    with pytest.raises(PluginConflictError, match=r"'builtin' .* choose one: .*--plugin aaa$"):
        load(Selection()).registry()
    loaded("aaa").registry()


# One job


def serving(name, serves, more=""):
    return offer("protocol", name, more).replace(f"serves={name!r}", f"serves={serves!r}")


def test_two_of_equal_priority_for_one_protocol_are_a_conflict_that_plugin_decides(site):
    site.plugin("aaa", serving("x", "http/9"))
    site.plugin("bbb", serving("y", "http/9"))
    with pytest.raises(PluginConflictError) as caught:
        load(Selection(blocked=("h11", "httptools"))).registry()
    message = str(caught.value)
    assert "serve 'http/9' with priority 0" in message
    assert message.endswith("choose one: --plugin aaa or --plugin bbb")
    load(Selection(required=("bbb",), blocked=("h11", "httptools"))).registry()


def test_priorities_settle_who_serves(site):
    plugins = both(site, serving("x", "http/9"), serving("y", "http/9", "priority=1"))
    assert len(plugins.registry().protocols) == 2


def test_two_that_are_required_and_equal_can_only_be_left_out(site):
    plugins = both(site, serving("x", "http/9"), serving("y", "http/9"))
    with pytest.raises(PluginConflictError) as caught:
        plugins.registry()
    assert_names_both(caught)


def test_what_is_off_by_default_is_in_nobodys_way(site):
    site.plugin("aaa", serving("x", "http/9", "on_by_default=False"))
    site.plugin("bbb", serving("y", "http/9", "on_by_default=False"))
    load(Selection()).registry()
    load(Selection(required=("aaa",))).registry()


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        ("alpn=(b'same',)", "the ALPN id 'same'"),
        ("preface=b'PRI'", "connections that begin with b'PRI'"),
        ("upgrade=b'Same'", "the upgrade token 'same'"),
        ("default=True", "connections that negotiate nothing"),
    ],
)
def test_two_protocols_cannot_be_selected_by_one_thing(site, claim, shown):
    plugins = both(
        site, offer("protocol", "x", claim), offer("protocol", "y", claim + ", priority=1")
    )
    with pytest.raises(PluginConflictError, match=shown) as caught:
        plugins.registry()
    assert_names_both(caught)


def test_one_alpn_id_may_mean_two_things_over_streams_and_over_datagrams(site):
    datagram = "alpn=(b'same',), kind=Kind.DATAGRAM"
    plugins = both(
        site, offer("protocol", "x", "alpn=(b'same',)"), offer("protocol", "y", datagram)
    )
    assert len(plugins.registry().protocols) == 2


def test_two_streams_of_equal_priority_for_one_token_are_a_conflict(site):
    first = offer("stream", "x").replace("'x'.encode()", "b'WebSocket'")
    second = offer("stream", "y").replace("'y'.encode()", "b'websocket'")
    plugins = both(site, first, second)
    with pytest.raises(PluginConflictError, match="upgrades to 'websocket'") as caught:
        plugins.registry()
    assert_names_both(caught)


# Settings


def test_settings_are_listed_with_their_plugin(site):
    site.plugin("aaa", table("aaa"))
    [(info, kind)] = loaded("aaa").settings()
    assert (info.name, kind.table) == ("aaa", "aaa")


def test_two_plugins_with_one_table_are_a_conflict(site):
    site.plugin("aaa", table("aaa_x"))
    site.plugin("aaa_x", table("aaa_x"))
    with pytest.raises(PluginConflictError, match=r"both claim the table \[aaa_x\]; leave one out"):
        loaded("aaa", "aaa_x").settings()


def test_two_plugins_with_one_flag_are_a_conflict(site):
    site.plugin("aaa", table("aaa", "b_c: int = setting(0, help='')"))
    site.plugin("aaa_b", table("aaa_b", "c: int = setting(0, help='')"))
    with pytest.raises(PluginConflictError, match="both claim --aaa-b-c; leave one out"):
        loaded("aaa", "aaa_b").settings()


def test_the_flag_that_switches_off_is_claimed_too(site):
    site.plugin("no", table("no", "aaa_x: int = setting(0, help='')"))
    site.plugin("aaa", table("aaa", "x: bool = setting(True, help='')"))
    with pytest.raises(PluginConflictError, match="both claim --no-aaa-x"):
        loaded("aaa", "no").settings()


@pytest.mark.parametrize(
    ("name", "field", "claim"),
    [
        ("health_bind", "x", "the table [health_bind]"),
        ("bind", "x", "the table [bind]"),
        ("middleware", "x", "the table [middleware]"),
        ("log", "level", "--log-level"),
        ("keep", "alive_timeout", "--keep-alive-timeout"),
    ],
)
def test_tables_and_flags_of_the_kernel_are_its_own(site, name, field, claim):
    site.plugin(name, table(name, f"{field}: int = setting(0, help='')"), distribution="acme")
    with pytest.raises(PluginConflictError) as caught:
        loaded(name).settings()
    assert f"would claim {claim}, which is nonecorn's own" in str(caught.value)
    assert str(caught.value).endswith(f"leave it out: --no-plugin {name}")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (table("other"), "table is 'other', and must be 'aaa'"),
        (table(""), "table is '': write the plugin's name"),
        (table("Aaa"), "table is 'Aaa'"),
        (table("aaa", decorator="kw_only=True"), "must be a frozen dataclass"),
        (table("aaa", "x: int = 0"), "is not made by nonecorn.spi.setting"),
        (table("aaa", "x: complex = setting(0j, help='')"), "has the type"),
        (table("aaa", "x: int = setting(0, help='', flags=('--x',))"), "must begin with --aaa-"),
        (table("aaa", "def __post_init__(self): 1 / 0"), "fails: ZeroDivisionError"),
        ("@hookimpl\ndef nonecorn_settings(): return [int]", "no class derived from"),
        ("@hookimpl\ndef nonecorn_settings(): return Settings", "must return a list"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(site, body, problem):
    if body.strip().startswith("import") and "frozen" not in body:
        # A dataclass that is not frozen cannot inherit from one that is.
        body = body.replace("@dataclasses.dataclass(kw_only=True)\n", "")
    site.plugin("aaa", body)
    with pytest.raises(BadSpecError, match=problem) as caught:
        loaded("aaa").settings()
    assert "'aaa' (nonecorn-aaa 1.0): nonecorn_settings" in str(caught.value)


def test_a_local_plugin_names_its_table_itself(site):
    site.module("local_table.py", "from nonecorn.spi import *\nPLUGIN_API = 1\n" + table("tools"))
    [(_, kind)] = loaded("./local_table.py").settings()
    assert kind.table == "tools"


# Types


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        ("'h9'", "returned 'h9', and must return a list of ProtocolSpec"),
        ("7", "returned 7"),
        ("[7]", "7 is no ProtocolSpec"),
        ("[ObserverSpec(name='x', observer=Ref('m:a'))]", "is no ProtocolSpec"),
        (
            "[ProtocolSpec(name='x', serves='x', factory='m:a')]",
            "factory is 'm:a', and must be Ref",
        ),
        ("[ProtocolSpec(name='X!', serves='x', factory=Ref('m:a'))]", "name 'X!' must match"),
        ("[ProtocolSpec(name='x', serves='x', factory=Ref('m'))]", "'m' is no reference"),
        ("[ProtocolSpec(name='x', serves='x', factory=Ref('m:a'), alpn=('x',))]", "alpn is"),
        ("[ProtocolSpec(name='x', serves='x', factory=Ref('m:a'), priority=True)]", "priority is"),
        ("[ProtocolSpec(name='x', serves=b'x', factory=Ref('m:a'))]", "serves is b'x'"),
        ("[ProtocolSpec(name='x', serves='x', factory=Ref('m:a'), kind='datagram')]", "kind is"),
        ("[ProtocolSpec(name='x', serves='x', factory=Ref('m:a'), default=1)]", "default is 1"),
        ("[ProtocolSpec(name='x', serves='x', factory=Ref('m:a'), upgrade='x')]", "upgrade is"),
    ],
)
def test_a_spec_that_cannot_be_used_is_refused(site, returned, problem):
    site.plugin("aaa", f"@hookimpl\ndef nonecorn_protocols(): return {returned}")
    with pytest.raises(BadSpecError, match=problem.replace("[", r"\[")) as caught:
        loaded("aaa").registry()
    assert "'aaa' (nonecorn-aaa 1.0): nonecorn_protocols: " in str(caught.value)
    assert caught.value.plugin == "aaa"


def test_an_async_hook_is_refused(site):
    site.plugin("aaa", "@hookimpl\nasync def nonecorn_protocols(): return []")
    with pytest.raises(BadSpecError, match="async function"):
        loaded("aaa").registry()


@pytest.mark.parametrize("returned", ["'a line'", "[7]"])
def test_lines_are_text(site, returned):
    site.plugin("aaa", f"@hookimpl\ndef nonecorn_report(config): return {returned}")
    with pytest.raises(BadSpecError, match="line"):
        loaded("aaa").hooks.report(None)


@pytest.mark.parametrize("spec", typing.get_args(Spec))
def test_every_field_of_every_spec_has_a_check(spec):
    assert {annotation(field) for field in dataclasses.fields(spec)} <= set(CHECKS)
