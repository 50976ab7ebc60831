"""Options: one field, and the names and types that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from nonecorn.config.decode import decode
from nonecorn.config.option import options_of
from nonecorn.config.schema import SECTIONS, ServerSettings
from nonecorn.config.tables import Tables
from nonecorn.plugins import PluginInfo
from nonecorn.spi import BadSpecError, Limits, Settings, Unit, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings(Settings):
    """One field of each type."""

    table: ClassVar[str] = "web_sample"

    switch: bool = setting(False, help="A bool.")
    count: int = setting(3, help="An int.", minimum=1)
    ratio: float = setting(0.5, help="A float.")
    delta: int = setting(0, help="An int below zero.")
    name: str = setting("x", help="A str.")
    names: tuple[str, ...] = setting((), help="A tuple.")
    mode: Literal["a", "b"] = setting("a", help="A literal.")
    label: str | None = setting(None, help="A str or None.")
    most: int | None = setting(None, help="An int or None.")
    wait: float = setting(1.0, help="A duration.", unit=Unit.SECONDS)
    ticks: int = setting(1, help="Whole seconds.", unit=Unit.SECONDS)
    room: int = setting(1024, help="A size.", unit=Unit.BYTES, minimum=16)
    file: str | None = setting(None, help="A path.", is_path=True)
    key: str | None = setting(None, help="A secret.", secret=True)


OPTIONS = {option.name: option for option in options_of(SampleSettings)}


def test_names_follow_from_table_and_field():
    option = OPTIONS["switch"]
    assert option.key == "web_sample.switch"
    assert option.flags == ("--web-sample-switch",)
    assert option.negative == "--no-web-sample-switch"
    assert option.env == "NONECORN_WEB_SAMPLE_SWITCH"


def test_limits_flag_is_the_one_that_its_info_names():
    flags = {option.name: option.flags for option in options_of(Limits)}
    assert flags["head_size"] == ("--limits-head-size",)
    assert flags["keep_alive_timeout"] == ("--keep-alive-timeout",)


def test_app_has_no_flag_and_all_other_server_settings_do():
    without = [option.name for option in options_of(ServerSettings) if not option.flags]
    assert without == ["app"]


def test_sections_begin_at_fields_that_exist():
    assert set(SECTIONS) <= {option.name for option in options_of(ServerSettings)}
    headings = [heading for heading, _ in Tables().sections()]
    assert headings == [*SECTIONS.values(), "Limits"]


def test_tables_find_an_option_by_key_and_by_variable():
    tables = Tables([(PluginInfo(name="web_sample", state="loaded"), SampleSettings)])
    assert tables.names() == ["limits", "web_sample"]
    assert tables.by_env("NONECORN_WEB_SAMPLE_COUNT") is tables.option("web_sample", "count")
    assert tables.option("web_sample", "nothing") is None
    assert "web_sample" in repr(tables)
    assert [heading for heading, _ in tables.sections()][-1] == "Plugin web_sample"


@pytest.mark.parametrize(
    "annotation", ["list[str]", "dict[str, str]", "bytes", "int | str", "Literal[1, 2]"]
)
def test_a_type_that_no_source_can_write_is_refused(annotation):
    body = {
        "__annotations__": {"bad": eval(annotation, {"Literal": Literal})},
        "bad": setting(None, help="Bad."),
        "__module__": __name__,
    }
    kind = dataclass(frozen=True, kw_only=True)(type("Bad", (Settings,), body))
    with pytest.raises(BadSpecError, match=r"Bad\.bad has the type"):
        options_of(kind)


def test_a_field_without_setting_is_refused():
    @dataclass(frozen=True, kw_only=True)
    class Plain(Settings):
        name: str = "x"

    with pytest.raises(BadSpecError, match=r"Plain\.name is not made by nonecorn\.spi\.setting"):
        options_of(Plain)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("switch", True, True),
        ("count", 4, 4),
        ("ratio", 1, 1.0),
        ("ratio", 0.25, 0.25),
        ("delta", -4, -4),
        ("name", "", ""),
        ("names", "one", ("one",)),
        ("names", "a,b", ("a,b",)),
        ("names", ["a", "b"], ("a", "b")),
        ("mode", "b", "b"),
        ("label", "", None),
        ("label", None, None),
        ("most", "", None),
        ("most", 3, 3),
        ("wait", 2, 2.0),
        ("wait", "1m", 60.0),
        ("ticks", "1m", 60),
        ("room", "1KiB", 1024),
        ("file", Path("x"), "x"),
    ],
)
def test_typed_value_is_taken(name, value, expected):
    found = decode(OPTIONS[name], value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("switch", 1, "1 is neither true nor false"),
        ("switch", "yes", "'yes' is neither true nor false"),
        ("count", True, "true is no whole number"),
        ("count", 1.0, "1.0 is no whole number"),
        ("count", "4", "'4' is no whole number"),
        ("count", 0, "0 is too small: at least 1"),
        ("ratio", float("nan"), "nan is no finite number"),
        ("ratio", float("inf"), "inf is no finite number"),
        ("ratio", "1", "'1' is no number"),
        ("name", 1, '1 is no text: write "1"'),
        ("name", None, "None is no text"),
        ("name", "a\0b", "NUL"),
        ("names", [1], r"\[1\] is no list of strings"),
        ("mode", "A", "'A' is none of a, b"),
        ("wait", -1, "-1.0 is too small: at least 0"),
        ("wait", "x", "'x' is no duration"),
        ("ticks", "1.5s", "1.5 is no whole number"),
        ("room", 15, "15 is too small: at least 16"),
        ("room", 20.5, "20.5 is no whole number"),
        ("room", "9x", "'9x' is no size"),
    ],
)
def test_value_of_another_type_is_refused_and_the_message_says_why(name, value, message):
    with pytest.raises(ValueError, match=message):
        decode(OPTIONS[name], value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("switch", "yes", True),
        ("switch", "OFF", False),
        ("switch", "0", False),
        ("count", " 4 ", 4),
        ("ratio", "0.25", 0.25),
        ("delta", "-4", -4),
        ("names", "a, b,,c", ("a", "b", "c")),
        ("names", "", ()),
        ("names", ("a,b", "c"), ("a,b", "c")),
        ("mode", "B", "b"),
        ("label", "", None),
        ("most", "7", 7),
        ("wait", "250ms", 0.25),
    ],
)
def test_text_is_read_by_the_options_type(name, text, expected):
    assert decode(OPTIONS[name], text, text=True) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("switch", "maybe"),
        ("switch", ""),
        ("count", "1.5"),
        ("count", ""),
        ("ratio", "nan"),
        ("wait", "-1"),
    ],
)
def test_text_that_does_not_fit_is_refused(name, text):
    with pytest.raises(ValueError):
        decode(OPTIONS[name], text, text=True)


def test_relative_path_is_relative_to_the_file_that_names_it(tmp_path):
    assert decode(OPTIONS["file"], "key.pem", base=tmp_path) == str(tmp_path / "key.pem")
    assert decode(OPTIONS["file"], "/key.pem", base=tmp_path) == "/key.pem"
    assert decode(OPTIONS["file"], "key.pem") == "key.pem"
    assert decode(OPTIONS["file"], "-", base=tmp_path) == "-"


def test_home_directory_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert decode(OPTIONS["file"], "~/key.pem") == str(tmp_path / "key.pem")


def test_a_secret_is_in_no_repr_and_masked_when_shown():
    assert "hunter2" not in repr(SampleSettings(key="hunter2"))
    assert OPTIONS["key"].show("hunter2") == "********"
    assert OPTIONS["key"].show(None) == ""
