"""`nonecorn plugins`, as a process: it works whatever is wrong with what is installed."""

import json

import pytest

from nonecorn._version import __version__
from nonecorn.plugins import catalog, probe
from nonecorn.plugins.audit import audit
from nonecorn.plugins.describe import origin

GOOD = """
import dataclasses
from typing import ClassVar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GoodSettings(Settings):
    table: ClassVar[str] = "good"

    timeout: float = setting(5.0, help="Silence allowed.", unit=Unit.SECONDS)
    loud: bool = setting(False, help="Say everything.")


@hookimpl
def nonecorn_settings():
    return [GoodSettings]


@hookimpl
def nonecorn_protocols():
    return [
        ProtocolSpec(
            name="good", serves="good/1", factory=Ref("nonecorn_good:make"),
            alpn=(b"good",), on_by_default=False, kind=Kind.DATAGRAM,
        )
    ]
"""
METADATA = (
    "Summary: Good.\nLicense-Expression: MIT\nLicense-File: LICENSE\nKeywords: nonecorn-plugin\n"
)


def rows(text):
    return {line.split()[0]: line.split() for line in text.partition("\n\n")[0].splitlines()}


def test_the_table_has_every_plugin_and_why_it_is_not_loaded(site):
    site.plugin("good", GOOD, version="2.1")
    site.plugin("bad", "import a_library_that_is_not_there", distribution="acme-bad")
    code, out, err = site.nonecorn("plugins", "--no-plugin", "trio")
    assert (code, err) == (0, "")
    table = rows(out)
    assert list(table) == ["NAME", "builtin", *sorted(set(table) - {"NAME", "builtin"})]
    assert table["builtin"][1] == "loaded"
    assert table["good"] == [
        "good",
        "loaded",
        "protocol,",
        "settings",
        "nonecorn-good",
        "2.1",
        "third-party",
    ]
    assert table["bad"] == ["bad", "broken", "-", "acme-bad", "1.0", "third-party"]
    assert table["trio"][1] == "blocked"
    assert "first-party" in " ".join(table["h11"])
    assert "bad is broken: plugin 'bad' (acme-bad 1.0): " in out
    assert "No module named 'a_library_that_is_not_there'" in out
    assert "trio is blocked: --no-plugin trio" in out


def test_columns_are_aligned(site):
    _, out, _ = site.nonecorn("plugins")
    heading, *lines = out.splitlines()
    starts = [heading.index(word) for word in ("STATE", "OFFERS", "DISTRIBUTION", "ORIGIN")]
    for line in lines:
        assert all(line[start - 2 : start] == "  " and line[start] != " " for start in starts)


def test_json_has_the_same_for_programs(site):
    site.plugin("good", GOOD, version="2.1")
    site.plugin("bad", "1 / 0")
    code, out, _ = site.nonecorn("plugins", "--json", "-p", "missing")
    assert code == 0
    report = json.loads(out)
    assert (report["api"], report["problems"]) == (1, [])
    found = {info["name"]: info for info in report["plugins"]}
    assert found["good"] == {
        "name": "good",
        "state": "loaded",
        "distribution": "nonecorn-good",
        "version": "2.1",
        "api": 1,
        "module": "nonecorn_good.plugin",
        "path": str(site.path),
        "editable": False,
        "builtin": False,
        "error": "",
        "kinds": ["protocol", "settings"],
        "origin": "third-party",
    }
    assert found["builtin"]["builtin"]
    assert found["builtin"]["version"] == __version__
    assert found["bad"]["state"] == found["missing"]["state"] == "broken"
    assert "pip install nonecorn-missing" in found["missing"]["error"]
    assert found["missing"]["origin"] == "missing"


def test_conflicts_of_what_plugins_offer_are_shown(site):
    site.plugin("aaa", GOOD.replace('"good"', '"aaa"'))
    site.plugin("bbb", GOOD.replace('"good"', '"bbb"').replace('name="bbb"', 'name="aaa"'))
    code, out, _ = site.nonecorn("plugins")
    assert code == 0
    assert "both provide the protocol 'aaa'; leave one out: --no-plugin aaa" in out


def test_the_configuration_says_what_is_loaded(site):
    (site.path / "nonecorn.toml").write_text('no_plugin = ["trio"]\nplugin = ["local.py"]\n')
    (site.path / "local.py").write_text("PLUGIN_API = 1\n")
    _, out, _ = site.nonecorn("plugins")
    assert rows(out)["trio"][1] == "blocked"
    assert rows(out)["local"][1:3] == ["loaded", "-"]
    assert rows(out)["local"][-1] == "local"


def test_a_configuration_that_cannot_be_read_is_a_remark(site):
    (site.path / "nonecorn.toml").write_text("this is no TOML")
    code, out, err = site.nonecorn("plugins", "--no-autoload")
    assert (code, err) == (0, "")
    assert rows(out)["h11"][1] == "installed"
    assert "h11 is not loaded: give --plugin h11" in out
    assert "nonecorn.toml" in out


def test_show_has_hooks_specs_and_settings(site):
    site.plugin("good", GOOD)
    code, out, _ = site.nonecorn("plugins", "show", "good")
    assert code == 0
    assert out.startswith("good is loaded\n")
    for part in (
        "distribution  nonecorn-good 1.0",
        f"path          {site.path}",
        "descriptor    nonecorn_good.plugin",
        "plugin API    1",
        "\nHooks\n  nonecorn_settings\n  nonecorn_protocols\n",
        "\nProtocolSpec good\n  serves         good/1\n  factory        nonecorn_good:make\n",
        "  kind           datagram\n  alpn           good\n  on_by_default  no\n",
        "\nSettings [good]\n  timeout: duration, default 5s\n    Silence allowed.\n",
        "    --good-timeout  NONECORN_GOOD_TIMEOUT\n",
        "    --good-loud, --no-good-loud  NONECORN_GOOD_LOUD\n",
    ):
        assert part in out


def test_show_of_a_broken_plugin_says_why(site):
    site.plugin("bad", "1 / 0")
    code, out, _ = site.nonecorn("plugins", "show", "bad")
    assert code == 0
    assert out.startswith("bad is broken\n  plugin 'bad' (nonecorn-bad 1.0): ")
    assert "ZeroDivisionError" in out


def test_show_of_a_plugin_whose_hooks_fail_says_so(site):
    site.plugin("bad", "@hookimpl\ndef nonecorn_workers(): 1 / 0")
    code, out, _ = site.nonecorn("plugins", "show", "bad")
    assert code == 0
    assert "Error: plugin 'bad' (nonecorn-bad 1.0): nonecorn_workers failed" in out


@pytest.mark.parametrize("command", ["show", "check"])
def test_what_is_not_installed_is_an_error_with_advice(site, command):
    site.plugin("good")
    code, out, err = site.nonecorn("plugins", command, "goood")
    assert (code, out) == (3, "")
    assert "plugin 'goood' is not installed" in err
    assert "did you mean 'good'?" in err


def test_check_of_a_good_plugin_is_all_right(site):
    site.plugin("good", GOOD, metadata=METADATA + "Requires-Dist: nonecorn<2,>=1.0\n")
    (site.path / "nonecorn_good" / "py.typed").touch()
    code, out, _ = site.nonecorn("plugins", "check", "good")
    assert {line.split()[0] for line in out.splitlines()} == {"ok"}
    topics = [line.split()[1] for line in out.splitlines()]
    assert topics == ["import", "hooks", "types", "names", "summary", "license", "requires"]
    assert code == 0


def test_check_of_a_bad_plugin_exits_with_1(site):
    site.plugin("bad")
    code, out, _ = site.nonecorn("plugins", "check", "bad")
    assert "fail    types     nonecorn_bad has no py.typed" in out
    assert "advice  keywords  'nonecorn-plugin' is missing" in out
    assert code == 1


def findings(name):
    [info] = [info for info in catalog() if info.name == name]
    return [f"{level.value} {topic}: {text}" for level, topic, text in audit(info)]


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"body": "import click"}, "fail import: nonecorn_bad.plugin imports click: name it"),
        ({"body": "import nonecorn.config.schema"}, "imports nonecorn.config: name it"),
        ({"body": "import nonecorn_h11.plugin"}, "imports nonecorn_h11: name it"),
        ({"body": "import asyncio"}, "fail import: nonecorn_bad.plugin imports asyncio"),
        ({"body": "1 / 0"}, "fail import: nonecorn_bad.plugin: ZeroDivisionError"),
        ({"body": "raise SystemExit(7)"}, "fail import: nonecorn_bad.plugin: SystemExit: 7"),
        ({"body": "import os; os._exit(7)"}, "fail import: nonecorn_bad.plugin: exit code 7"),
        ({"head": "PLUGIN_API = 2\n"}, "fail hooks: plugin 'bad' (nonecorn-bad 1.0) was written"),
        ({"body": "@hookimpl\ndef nonecorn_x(): ..."}, "fail hooks: plugin 'bad'"),
        ({"body": ""}, "advice hooks: implements no hook: is @hookimpl missing?"),
        ({"body": GOOD.replace('"good"', '"bad"')}, "there is no module nonecorn_good"),
        ({"distribution": "acme"}, "fail names: distribution 'acme' is not called 'nonecorn-bad'"),
        ({"package": "acme"}, "fail names: package 'acme' is not called 'nonecorn_bad'"),
        ({}, "fail summary: the distribution has no summary"),
        ({}, "fail license: no LICENSE is shipped"),
        ({"metadata": "License-File: LICENSE\n"}, "fail license: metadata names no license"),
        ({}, "fail requires: the distribution does not require nonecorn"),
        (
            {"metadata": "Requires-Dist: nonecorn>=1\n"},
            "advice requires: nonecorn>=1: give an upper",
        ),
    ],
)
def test_check_finds_what_is_wrong(site, options, finding):
    site.plugin("bad", **options)
    assert finding in "\n".join(findings("bad"))


def test_a_descriptor_whose_import_does_not_end_is_given_up(site, monkeypatch):
    monkeypatch.setattr(probe, "TIMEOUT", 1.0)
    site.plugin("bad", "import threading; threading.Event().wait()")
    assert findings("bad")[0] == "fail import: nonecorn_bad.plugin: takes longer than 1 s"


def test_what_a_descriptor_prints_does_not_confuse_the_check(site):
    site.plugin("good", "print('hello')\n" + GOOD)
    _, out, _ = site.nonecorn("plugins", "check", "good")
    assert "ok      hooks     nonecorn_settings, nonecorn_protocols" in out


@pytest.mark.parametrize("name", sorted({i.name for i in catalog() if origin(i) != "third-party"}))
def test_plugins_of_this_project_pass_their_own_check(name):
    assert [finding for finding in findings(name) if not finding.startswith("ok ")] == []
