"""The commands as a user runs them: output, messages, exit codes."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nonecorn._version import __version__
from nonecorn.cli.group import COMMANDS
from tests.e2e import forked

PLUGIN = """
from __future__ import annotations
from nonecorn.spi import CommandSpec, Ref, hookimpl

PLUGIN_API = 1

@hookimpl
def nonecorn_commands():
    return [
        CommandSpec(name="greet", help="Greet.", command=Ref("greeting:greet")),
        CommandSpec(name="broken", help="Broken.", command=Ref("no_such_module:x")),
        CommandSpec(name="wrong", help="Wrong.", command=Ref("greeting:nothing")),
    ]
"""
GREETING = """
import click
nothing = 3
@click.command()
@click.argument("name")
def greet(name):
    click.echo(f"hello {name}")
"""


class Result:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def errors(self) -> list[str]:
        return [line.removeprefix("nonecorn: error: ") for line in self.err.splitlines()]


@pytest.fixture
def nonecorn(tmp_path):
    def run(*argv: str, **environ: str) -> Result:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("NONECORN_")}
        done = forked.run(*argv, cwd=tmp_path, env={**inherited, "COLUMNS": "100", **environ})
        result = Result(done)
        assert "Traceback" not in result.err
        return result

    return run


def test_version_is_ours_pythons_and_the_systems(nonecorn):
    found = nonecorn("--version")
    assert found.code == 0
    assert found.out.startswith(f"nonecorn {__version__} (cpython {platform.python_version()}, ")


def test_help_lists_every_command(nonecorn):
    found = nonecorn("--help")
    assert found.code == 0
    for name, (_, text) in COMMANDS.items():
        assert re.search(rf"^  {name}\s+{re.escape(text)}$", found.out, re.MULTILINE)
    assert "'nonecorn plugins' lists them" in found.out


def test_help_of_a_command_is_that_of_the_list(nonecorn):
    for name in COMMANDS:
        assert nonecorn(name, "--help").code == 0


def test_serve_help_groups_options_and_shows_variables_and_defaults(nonecorn):
    out = nonecorn("serve", "--help").out
    headings = re.findall(r"^(\S.*):$", out, re.MULTILINE)
    assert headings[:11] == [
        "Options", "Application", "Addresses", "TLS", "Runtime and plugins", "Processes",
        "Development", "Start and stop", "Responses", "Logging", "Limits",
    ]  # fmt: skip
    assert all(heading.startswith("Plugin ") for heading in headings[11:])
    text = " ".join(out.split())
    assert "-b, --bind TEXT Address" in text
    assert "[repeatable; env: NONECORN_BIND; default: 127.0.0.1:8000]" in text
    assert "--server-header / --no-server-header" in text
    assert "[env: NONECORN_LIMITS_KEEP_ALIVE_TIMEOUT; default: 5s]" in text


def test_help_is_shown_whatever_is_wrong_with_the_configuration(nonecorn, tmp_path):
    (tmp_path / "nonecorn.toml").write_text("= =")
    found = nonecorn("serve", "--help")
    assert found.code == 0
    assert "--bind" in found.out
    assert "Options of plugins are not shown: nonecorn.toml: this is no TOML" in " ".join(
        found.out.split()
    )
    assert nonecorn("serve", "-p", "no_such_b", "--help").code == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["serv"], "No such command 'serv'. Did you mean 'serve'?"),
        (["nothing_like_it"], "No such command 'nothing_like_it'."),
        (["app:app"], "No such command 'app:app'. Did you mean 'nonecorn serve app:app'?"),
        (["serve", "--bnd", "x", "app:app"], "No such option"),
        (["serve", "a:b", "c:d"], "unexpected extra argument"),
        (["serve", "--bind"], "requires an argument"),
        (
            ["serve"],
            "There is no application to serve: name one, as in 'nonecorn serve module:app'.",
        ),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)
def test_wrong_usage_is_told_and_exits_2(nonecorn, argv, message):
    found = nonecorn(*argv)
    assert found.code == 2
    assert message in found.err


def test_all_problems_are_shown_together_and_exit_2(nonecorn, tmp_path):
    (tmp_path / "nonecorn.toml").write_text("backlgo = 1\n")
    found = nonecorn(
        "serve", "app:app", "--limits-head-size", "big", "--graceful-timeout=-1", NONECORN_BND="x"
    )
    assert found.code == 2
    assert found.errors == [
        "nonecorn.toml:1: unknown key 'backlgo'; did you mean 'backlog'?",
        "environment NONECORN_BND: there is no such setting; did you mean 'NONECORN_BIND'?",
        "flag --graceful-timeout: -1.0 is too small: at least 0",
        "flag --limits-head-size: 'big' is no size: write 65536, 64KiB, 16MiB or 1GiB",
    ]


def test_missing_plugin_exits_3_and_says_what_to_install(nonecorn):
    found = nonecorn("config", "show", "-p", "no_such_b")
    assert found.code == 3
    assert "pip install" in found.err


def test_config_show_lays_flags_over_the_environment_over_the_file(nonecorn, tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.nonecorn]\nbacklog = 1\nlog_level = "error"\nroot_path = "/file"\n'
    )
    found = nonecorn(
        "config", "show", "--origin", "site:app", "--root-path", "/flag", "--no-date-header",
        "-b", "127.0.0.1:0", "-bunix:x,y",
        NONECORN_LOG_LEVEL="DEBUG", NONECORN_ROOT_PATH="/variable",
    )  # fmt: skip
    assert found.code == 0
    lines = found.out.splitlines()
    assert 'app = "site:app"  # argument APP' in lines
    assert "backlog = 1  # pyproject.toml:2" in lines
    assert 'log_level = "debug"  # environment NONECORN_LOG_LEVEL' in lines
    assert 'root_path = "/flag"  # flag --root-path' in lines
    assert "date_header = false  # flag --no-date-header" in lines
    assert 'bind = ["127.0.0.1:0", "unix:x,y"]  # flag --bind' in lines
    assert "factory = false  # default" in lines


def test_config_show_prints_json(nonecorn):
    found = nonecorn("config", "show", "--json", "--origin", "--debug", "--keyfile-password", "")
    assert json.loads(found.out)["debug"] == {"value": True, "origin": "flag --debug"}


@pytest.mark.parametrize("form", ["site.py", "python:site_b", "site.toml"])
def test_every_form_of_configuration_is_read(nonecorn, tmp_path, form):
    (tmp_path / "site.py").write_text("backlog = 7\n")
    (tmp_path / "site_b.py").write_text("backlog = 7\n")
    (tmp_path / "site.toml").write_text("backlog = 7\n")
    found = nonecorn("config", "show", "--json", "-c", form)
    assert json.loads(found.out)["backlog"] == 7


def test_config_check_compiles_the_plan_and_imports_nothing(nonecorn, tmp_path):
    (tmp_path / "app_b.py").write_text(
        "print('imported')\nasync def app(scope, receive, send): ...\n"
    )
    found = nonecorn("config", "check", "app_b:app", "-k", "asyncio", "-b", "127.0.0.1:0")
    assert (found.code, found.out) == (0, "The configuration is good: 127.0.0.1:0 on asyncio.\n")
    found = nonecorn("config", "check", "app_b:app", "-k", "asyncio", "--import-app")
    assert (found.code, found.out.splitlines()[0]) == (0, "imported")
    found = nonecorn("config", "check", "gone_b:app", "--import-app")
    assert found.code == 3
    assert found.err.startswith("nonecorn: error: ")


def test_config_check_finds_what_only_plugins_know(nonecorn):
    found = nonecorn("config", "check", "--interface", "cgi")
    assert found.code == 2
    assert "cgi" in found.err


def test_config_schema_is_json_and_has_plugins_tables(nonecorn):
    found = nonecorn("config", "schema")
    properties = json.loads(found.out)["properties"]
    assert {"bind", "limits", "http1"} <= set(properties)
    without = json.loads(nonecorn("config", "schema", "--no-plugin", "http1").out)["properties"]
    assert "http1" not in without


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_calls_us_back(nonecorn, shell):
    found = nonecorn("completion", shell)
    assert found.code == 0
    assert f"_NONECORN_COMPLETE={shell}_complete" in found.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nonecorn co", ["config", "completion"]),
        ("nonecorn serve --limits-target", ["--limits-target-size"]),
        ("nonecorn serve --http1-early", ["--http1-early-hints"]),
        ("nonecorn config s", ["schema", "show"]),
    ],
)
def test_shell_completes_commands_and_options(nonecorn, words, expected):
    found = nonecorn(
        _NONECORN_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
    )
    assert [line.partition(",")[2] for line in found.out.splitlines()] == expected


def test_completion_does_not_fail_on_a_broken_configuration(nonecorn, tmp_path):
    (tmp_path / "nonecorn.toml").write_text("= =")
    found = nonecorn(
        _NONECORN_COMPLETE="bash_complete", COMP_WORDS="nonecorn serve --bac", COMP_CWORD="2"
    )
    assert found.out.split() == ["plain,--backlog"]


def test_a_plugin_brings_a_command(nonecorn, tmp_path):
    (tmp_path / "brings.py").write_text(PLUGIN)
    (tmp_path / "greeting.py").write_text(GREETING)
    (tmp_path / "nonecorn.toml").write_text('plugin = ["./brings.py"]\n')
    assert nonecorn("greet", "you").out == "hello you\n"
    for name in ("broken", "wrong"):
        found = nonecorn(name)
        assert found.code == 3
        assert f"its command '{name}'" in found.err


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "nonecorn", "config", "schema"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_output_that_cannot_be_written_is_one_line(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nonecorn", "config", "schema"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == (
        "nonecorn: error: the output cannot be written: no space left on device\n"
    )
