"""Configuration as TOML, JSON and JSON Schema."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from nonecorn.config import Tables, prepare
from nonecorn.config.json_schema import json_schema
from nonecorn.config.show import show_json, show_toml, toml_value

SOURCE = {
    "bind": ["127.0.0.1:0"],
    "root_path": '/quote"d',
    "certfile": __file__,
    "keyfile_password": "hunter2",
    "limits": {"head_size": 2048},
    "middleware": [{"use": "x", "hops": 2, "odd key": {"a": [1, True, 0.5]}}, "y"],
}


@pytest.fixture(scope="module")
def made():
    plugins, config = prepare(SOURCE, environ={})
    return config, Tables(plugins.settings())


def test_shown_toml_says_the_same_as_what_was_given(made):
    config, tables = made
    shown = tomllib.loads("\n".join(show_toml(config, tables)))
    shown["keyfile_password"] = "hunter2"
    again = prepare(shown, environ={})[1]
    assert again.tables == config.tables
    assert again.middleware == config.middleware


def test_origin_stands_behind_each_value(made):
    lines = list(show_toml(*made, origin=True))
    assert 'bind = ["127.0.0.1:0"]  # mapping' in lines
    assert "backlog = 2048  # default" in lines
    assert "# keyfile =  # default" in lines
    assert "[[middleware]]  # mapping" in lines


def test_middleware_names_without_options_are_a_plain_list():
    plugins, config = prepare({"middleware": ["x", "y"]}, environ={})
    lines = list(show_toml(config, Tables(plugins.settings())))
    assert 'middleware = ["x", "y"]' in lines
    assert "[[middleware]]" not in lines


def test_secrets_are_shown_nowhere(made):
    config, tables = made
    shown = "\n".join([*show_toml(config, tables, origin=True), show_json(config, tables)])
    assert 'keyfile_password = "********"' in shown
    assert "hunter2" not in shown + repr(config) + repr(config.server)


def test_json_has_the_shape_of_the_file(made):
    config, tables = made
    plain = json.loads(show_json(config, tables))
    assert plain["limits"]["head_size"] == 2048
    assert plain["middleware"][1] == {"use": "y"}
    told = json.loads(show_json(config, tables, origin=True))
    assert told["bind"] == {"value": ["127.0.0.1:0"], "origin": "mapping"}


@pytest.mark.parametrize("text", ["", 'a"b\\c', "tab\tnew\nline", "\x00\x7f\u2028", "ünïcode"])
def test_any_text_survives_toml(text):
    assert tomllib.loads(f"x = {toml_value(text)}") == {"x": text}


def test_schema_describes_every_setting_of_every_table(made):
    _, tables = made
    schema = json_schema(tables)
    json.dumps(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for table in tables:
        place = schema["properties"][table.name] if table.name else schema
        assert place["additionalProperties"] is False
        names = {option.name for option in table.options}
        assert names <= set(place["properties"])
        assert all(place["properties"][name]["description"] for name in names)


def test_schema_forms_follow_from_types(made):
    _, tables = made
    top = json_schema(tables)["properties"]
    assert top["factory"]["type"] == "boolean"
    assert top["verify_mode"]["enum"] == ["none", "optional", "required"]
    assert top["bind"]["default"] == ("127.0.0.1:8000",)
    assert top["backlog"]["minimum"] == 1
    assert top["keyfile_password"]["writeOnly"] is True
    assert top["middleware"]["anyOf"][1]["items"]["anyOf"][1]["required"] == ["use"]
    size = top["limits"]["properties"]["head_size"]["anyOf"]
    assert size[0] == {"type": "integer", "minimum": 1024}
    assert re.match(size[1]["pattern"], "64KiB")
    duration = top["graceful_timeout"]["anyOf"][1]["pattern"]
    assert re.match(duration, "1m30s")
    assert not re.match(duration, "soon")
