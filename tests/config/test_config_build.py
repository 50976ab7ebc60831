"""All sources together: precedence, origins, strictness, plugins' part in it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from nonecorn.config import Config, load_config, prepare
from nonecorn.spi import ConfigError, PluginNotFoundError

ECHO = '''
from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar
from nonecorn.spi import Settings, hookimpl, setting

PLUGIN_API = 1

@dataclass(frozen=True, slots=True, kw_only=True)
class EchoSettings(Settings):
    """What `[echo_b]` may hold."""
    table: ClassVar[str] = "echo_b"
    prefix: str = setting("", help="Text.")
    times: int = setting(1, help="Times.", minimum=1)

    def __post_init__(self) -> None:
        if self.prefix == "bad":
            raise ValueError("prefix may not be bad")

@hookimpl
def nonecorn_settings():
    return [EchoSettings]

@hookimpl
def nonecorn_configure(draft):
    if draft.get("echo_b", "prefix") == "configure":
        draft.set("", "backlog", 77)
        draft.set("", "log_level", "debug")
        draft.set("", "middleware", ["added"])
    if draft.get("echo_b", "prefix") == "refused":
        draft.set("", "backlog", 0)
    if draft.get("echo_b", "prefix") == "late":
        draft.set("", "plugin", ["x"])
'''


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def echo(tmp_path_factory) -> str:
    # One file for all: a plugin stays imported under its name.
    file = tmp_path_factory.mktemp("plugin") / "echo_b.py"
    file.write_text(ECHO)
    return str(file)


def build(source=None, environ=None, **overrides) -> Config:
    return prepare(source, overrides, environ={} if environ is None else environ)[1]


def problems(source=None, environ=None, **overrides) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        build(source, environ, **overrides)
    return caught.value.problems


def test_without_any_source_all_is_default():
    config = build()
    assert config.server.bind == ("127.0.0.1:8000",)
    assert config.limits.head_size == 65536
    assert config.origins == {}
    assert config.origin("", "bind") == "default"
    assert config.file == ""


def test_later_sources_win_and_each_value_knows_its_own(tmp_path):
    (tmp_path / "site.toml").write_text(
        'backlog = 1\nlog_level = "error"\nroot_path = "/a"\n[limits]\nhead_size = "32KiB"\n'
    )
    config = build(
        "site.toml",
        {"NONECORN_LOG_LEVEL": "debug", "NONECORN_ROOT_PATH": "/b", "OTHER": "x"},
        root_path="/c",
    )
    assert (config.server.backlog, config.origin("", "backlog")) == (1, "site.toml:1")
    assert config.server.log_level == "debug"
    assert config.origin("", "log_level") == "environment NONECORN_LOG_LEVEL"
    assert (config.server.root_path, config.origin("", "root_path")) == ("/c", "argument root_path")
    assert (config.limits.head_size, config.origin("limits", "head_size")) == (32768, "site.toml:5")
    assert config.file == "site.toml"
    assert repr(config).startswith("<Config site.toml: 4 values set; limits, ")


def test_every_problem_of_every_source_is_shown_at_once(tmp_path):
    (tmp_path / "site.toml").write_text(
        "bnd = 1\nbacklog = 0\nhead_size = 3\nlog-level = 1\n[limit]\n[limits]\nhead_sise = 2\n"
    )
    found = problems("site.toml", {"NONECORN_BAKLOG": "3", "NONECORN_DEBUG": "?"}, wrkr="x")
    assert found == (
        "site.toml:1: unknown key 'bnd'; did you mean 'bind'?",
        "site.toml:2: backlog: 0 is too small: at least 1",
        "site.toml:3: unknown key 'head_size': it is 'limits.head_size'",
        "site.toml:4: unknown key 'log-level': write 'log_level'",
        "site.toml:5: unknown table [limit]; did you mean 'limits'?",
        "site.toml:7: [limits]: unknown key 'head_sise'; did you mean 'head_size'?",
        "environment NONECORN_BAKLOG: there is no such setting; did you mean 'NONECORN_BACKLOG'?",
        "environment NONECORN_DEBUG: '?' is neither true nor false",
        "argument wrkr: unknown key 'wrkr'; did you mean 'worker'?",
    )


def test_a_table_that_is_no_table_says_how_to_write_it():
    assert problems({"limits": 3}) == ("mapping: limits: this is a table: write [limits]",)


def test_table_of_a_plugin_that_has_no_settings_says_so():
    assert problems({"uvloop": {"x": 1}}) == ("mapping: the plugin uvloop has no settings",)


def test_table_of_a_plugin_that_is_not_loaded_names_the_flag():
    (found,) = problems({"autoload": False, "plugin": ["h11"], "http1": {"early_hints": False}})
    assert (
        found == "mapping: [http1] belongs to the plugin http1, which is not loaded: --plugin http1"
    )


def test_settings_of_a_blocked_plugin_wait_until_it_is_let_in_again():
    config = build(
        {"http1": {"anything": 1}, "no_plugin": ["http1"]}, {"NONECORN_HTTP1_ANYTHING": "1"}
    )
    assert "http1" not in config.tables


def test_settings_of_a_plugin_have_table_and_variable(echo):
    config = build({"plugin": [echo], "echo_b": {"prefix": "> "}}, {"NONECORN_ECHO_B_TIMES": "3"})
    settings = config.tables["echo_b"]
    assert (settings.prefix, settings.times) == ("> ", 3)  # type: ignore[attr-defined]
    assert config.origin("echo_b", "times") == "environment NONECORN_ECHO_B_TIMES"


def test_plugin_adjusts_above_the_file_and_below_the_environment(echo):
    config = build(
        {"plugin": [echo], "echo_b": {"prefix": "configure"}, "backlog": 5},
        {"NONECORN_LOG_LEVEL": "error"},
    )
    assert (config.server.backlog, config.origin("", "backlog")) == (77, "plugin echo_b")
    assert config.server.log_level == "error"
    assert config.origin("", "log_level") == "environment NONECORN_LOG_LEVEL"
    assert config.middleware == ({"use": "added"},)


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("refused", "plugin echo_b: backlog: 0 is too small: at least 1"),
        ("late", "plugin echo_b: plugin is decided before plugins are loaded"),
        ("bad", r"[echo_b]: prefix may not be bad"),
    ],
)
def test_what_a_plugin_may_not_set_is_an_error(echo, prefix, message):
    assert problems({"plugin": [echo], "echo_b": {"prefix": prefix}}) == (message,)


def test_middleware_is_names_or_tables_or_both():
    config = build({"middleware": ["first", {"use": "second", "hops": 2, "deep": {"a": [1]}}]})
    assert config.server.middleware == ("first", "second")
    assert config.middleware == (
        {"use": "first"},
        {"use": "second", "hops": 2, "deep": {"a": [1]}},
    )
    assert build({}, {"NONECORN_MIDDLEWARE": "a,b"}).server.middleware == ("a", "b")
    assert build(middleware="one").server.middleware == ("one",)


@pytest.mark.parametrize(
    "text",
    [
        '{use = "a", n = 1}',
        ' { use = "a", n = 1 } ',
        '[{use = "a", n = 1}]',
    ],
)
def test_middleware_in_one_line_may_have_options(text):
    config = build({}, {"NONECORN_MIDDLEWARE": text})
    assert config.middleware == ({"use": "a", "n": 1},)


def test_several_layers_with_options_in_one_line():
    text = '[{use = "a", n = [1, 2]}, "b", {use = "a"}]'
    config = build({}, {"NONECORN_MIDDLEWARE": text})
    assert config.middleware == ({"use": "a", "n": [1, 2]}, {"use": "b"}, {"use": "a"})
    text = '{use = "a", n = "x, y"}, {use = "b"}'
    config = build({}, {"NONECORN_MIDDLEWARE": text})
    assert config.middleware == ({"use": "a", "n": "x, y"}, {"use": "b"})


@pytest.mark.parametrize("text", ['{use = "a"', "{a}", '[{use = "a"}', '{use = "a"}, b'])
def test_a_line_that_is_no_toml_is_refused(text):
    [problem] = problems({}, {"NONECORN_MIDDLEWARE": text})
    assert problem.startswith(f"environment NONECORN_MIDDLEWARE: {text!r} is not {{use = ")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"use": "x"}, r"write [[middleware]], with two brackets: there may be several"),
        ([{"hops": 2}], 'entry 1 does not say which: use = "NAME"'),
        (["a", 3], "entry 2 is neither a name nor a table"),
        (3, "3 is no list of middleware"),
    ],
)
def test_unusable_middleware_is_refused(value, message):
    assert problems({"middleware": value}) == (f"mapping: middleware: {message}",)


def test_plugins_of_all_sources_add_up_and_the_stronger_source_decides_for_one_name():
    plugins, config = prepare(
        {"plugin": ["h11", "trio"], "no_plugin": ["uvloop"]},
        {"plugin": ["uvloop"], "no_plugin": "trio"},
        environ={"NONECORN_PLUGIN": "httptools"},
    )
    assert config.server.plugin == ("h11", "httptools", "uvloop")
    assert config.server.no_plugin == ("trio",)
    assert set(plugins.required) == {"h11", "httptools", "uvloop"}


def test_a_plugins_file_in_a_configuration_file_lies_beside_it(tmp_path):
    nested = tmp_path / "conf"
    nested.mkdir()
    (nested / "beside_b.py").write_text(ECHO.replace("echo_b", "beside_b"))
    (nested / "site.toml").write_text('plugin = ["./beside_b.py"]\n')
    assert "beside_b" in build("conf/site.toml").tables


def test_required_plugin_that_is_missing_is_an_error_that_says_what_to_install():
    with pytest.raises(PluginNotFoundError, match=r"pip install"):
        build(plugin="no_such_plugin_b")


def test_paths_in_a_file_are_relative_to_it_and_others_to_the_current_directory(tmp_path):
    nested = tmp_path / "conf"
    nested.mkdir()
    (nested / "site.toml").write_text('pid = "run.pid"\naccess_log = "-"\n')
    config = build("conf/site.toml", {"NONECORN_APP_DIR": "conf"})
    assert Path(config.server.pid or "") == nested / "run.pid"
    assert config.server.access_log == "-"
    assert config.server.app_dir == "conf"


def test_env_file_joins_the_environment_and_says_where_a_value_stands(tmp_path):
    (tmp_path / "site.toml").write_text('env_file = "app.env"\n')
    (tmp_path / "app.env").write_text(
        "NONECORN_BACKLOG=9\nNONECORN_PLUGIN=trio\nTOKEN=x\nSET=new\n"
    )
    environ = {"SET": "old"}
    config = build("site.toml", environ)
    assert config.server.backlog == 9
    assert config.origin("", "backlog") == "environment NONECORN_BACKLOG (app.env:1)"
    assert config.server.plugin == ("trio",)
    assert (environ["TOKEN"], environ["SET"]) == ("x", "old")


def test_an_argument_names_another_env_file(tmp_path):
    (tmp_path / "a.env").write_text("NONECORN_BACKLOG=1\n")
    (tmp_path / "b.env").write_text("NONECORN_BACKLOG=2\n")
    assert build({"env_file": "a.env"}, env_file="b.env").server.backlog == 2


def test_a_config_is_a_source_and_keeps_its_origins():
    first = build({"backlog": 5, "middleware": [{"use": "x", "a": 1}]}, {"NONECORN_DEBUG": "1"})
    second = prepare(first, {"limits": {"head_size": 2048}})[1]
    assert second.server == first.server
    assert second.middleware == first.middleware
    assert second.limits.head_size == 2048
    assert second.origin("", "backlog") == "mapping"
    assert second.origin("", "debug") == "environment NONECORN_DEBUG"
    assert second.origin("limits", "head_size") == "argument limits.head_size"


def test_load_config_reads_the_process_environment(monkeypatch):
    monkeypatch.setenv("NONECORN_BACKLOG", "12")
    assert load_config({"debug": True}, root_path="/x").server.backlog == 12


def test_config_can_be_pickled():
    config = build({"middleware": [{"use": "x", "a": 1}]}, bind="127.0.0.1:0")
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"keyfile": __file__},
            "argument keyfile is given without certfile, and TLS needs a certificate",
        ),
        (
            {"ca_certs": __file__},
            "argument ca_certs is given without certfile, and TLS needs a certificate",
        ),
        (
            {"certfile": __file__, "verify_mode": "required"},
            (
                "argument verify_mode is 'required', which needs ca_certs: "
                "whose client certificates to accept"
            ),
        ),
        ({"certfile": "gone.pem"}, "argument certfile: gone.pem: there is no such file"),
        ({"certfile": "."}, "argument certfile: .: this is a directory"),
        ({"log_config": "gone.ini"}, "argument log_config: gone.ini: there is no such file"),
        ({"pid": "no/dir/pid"}, "argument pid: no/dir/pid: there is no such directory"),
        ({"app_dir": "gone"}, "argument app_dir: gone: there is no such directory"),
        ({"root_path": "a"}, "argument root_path: 'a': begin with a slash and end without one"),
        ({"root_path": "/a/"}, "argument root_path: '/a/': begin with a slash and end without one"),
        ({"bind": ["127.0.0.1:1", "127.0.0.1:1"]}, "argument bind names 127.0.0.1:1 twice"),
        ({"bind": " "}, "argument bind has an empty address"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(overrides, message):
    assert problems(**overrides) == (message,)


def test_an_unreadable_file_is_refused_where_the_user_could_not_read_it(tmp_path):
    secret = tmp_path / "key.pem"
    secret.touch()
    secret.chmod(0)
    if secret.stat().st_mode & 0o777 or _reads(secret):
        pytest.skip("the superuser, and Windows, read everything")
    assert problems(certfile=str(secret)) == (f"argument certfile: {secret}: it cannot be read",)


def _reads(path: Path) -> bool:
    try:
        path.read_bytes()
    except PermissionError:
        return False
    return True
