"""What can be read: TOML files, project files, Python files, modules, objects, mappings."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from nonecorn.config.opening import open_source
from nonecorn.config.toml import discover
from nonecorn.spi import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_toml_keys_have_their_lines(tmp_path):
    source = open_source(
        write(
            tmp_path / "site.toml",
            'bind = "a:1"\n'
            'root_path = """\nbind = "not a key"\n"""\n'
            "[limits]  # what is bounded\n"
            "head_size = 1\n"
            '"target_size" = 2\n'
            "[[middleware]]\n"
            'use = "x"\n',
        )
    )
    assert source.origin("bind") == "site.toml:1"
    assert source.origin("root_path") == "site.toml:2"
    assert source.origin("limits", "head_size") == "site.toml:6"
    assert source.origin("limits", "target_size") == "site.toml:7"
    assert source.origin("middleware") == "site.toml:8"
    assert source.origin("unheard_of") == "site.toml"
    assert source.where("bind") == "site.toml:1: bind"
    assert source.base == tmp_path


def test_nonecorn_toml_comes_before_pyproject(tmp_path):
    write(tmp_path / "pyproject.toml", "[tool.nonecorn]\nbacklog = 1\n")
    found = discover(tmp_path)
    assert found is not None
    assert (found.name, dict(found.data)) == ("pyproject.toml", {"backlog": 1})
    assert found.origin("backlog") == "pyproject.toml:2"
    write(tmp_path / "nonecorn.toml", "backlog = 2\n")
    found = discover(tmp_path)
    assert found is not None
    assert (found.name, dict(found.data)) == ("nonecorn.toml", {"backlog": 2})


def test_a_directory_without_configuration_has_none(tmp_path):
    assert discover(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["[tool.other]\n", "this is = = no TOML", '[project]\nname = "nonecorn"\n']
)
def test_a_project_that_does_not_speak_of_us_is_left_alone(tmp_path, text):
    write(tmp_path / "pyproject.toml", text)
    assert discover(tmp_path) is None


def test_a_project_file_named_without_our_table_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no table \[tool.nonecorn\]"):
        open_source(write(tmp_path / "pyproject.toml", "[tool.other]\n"))


def test_missing_file_is_one_line():
    with pytest.raises(
        ConfigError, match=r"^gone\.toml: the configuration file cannot be read: No such"
    ):
        open_source("gone.toml")
    with pytest.raises(ConfigError, match=r"^gone\.py: there is no such configuration file"):
        open_source("gone.py")


def test_bad_toml_is_one_line_with_its_place(tmp_path):
    write(tmp_path / "bad.toml", "a = 1\nb = = 2\n")
    with pytest.raises(ConfigError, match=r"^bad\.toml: this is no TOML: .*line 2"):
        open_source("bad.toml")


def test_python_file_gives_its_public_names(tmp_path):
    write(
        tmp_path / "conf.py",
        "from __future__ import annotations\nimport os\nfrom pathlib import Path\n"
        "def helper(): return 3\n_private = 1\nbacklog = helper()\nlimits = {'head_size': 2048}\n",
    )
    source = open_source("conf.py")
    assert source.data == {"backlog": 3, "limits": {"head_size": 2048}}
    assert source.base == tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n1 / 0\n", r"^conf\.py:2: ZeroDivisionError: division by zero$"),
        ("x = 1\nx = = 2\n", r"^conf\.py:2: SyntaxError: invalid syntax$"),
    ],
)
def test_python_file_that_raises_is_one_line(tmp_path, text, message):
    write(tmp_path / "conf.py", text)
    with pytest.raises(ConfigError, match=message):
        open_source("conf.py")


def test_reference_names_a_module_or_an_object_in_it(tmp_path):
    package = tmp_path / "confpkg_b"
    package.mkdir()
    write(package / "__init__.py", "")
    write(
        package / "settings.py",
        "backlog = 1\nclass production:\n    backlog = 2\nMAPPING = {'backlog': 3}\n",
    )
    assert open_source("python:confpkg_b.settings.production").data == {"backlog": 2}
    assert open_source("python:confpkg_b.settings:MAPPING").data == {"backlog": 3}
    module = open_source("python:confpkg_b.settings")
    assert module.data["backlog"] == 1
    assert module.name == "python:confpkg_b.settings"


@pytest.mark.parametrize(
    "reference", ["python:", "python:a b", "python:gone_module_b", "python:json.gone"]
)
def test_reference_to_nothing_is_an_error(reference):
    with pytest.raises(ConfigError, match=f"^{reference}"):
        open_source(reference)


def test_objects_modules_and_mappings_are_sources():
    class Settings:
        backlog = 4
        _private = 1

        def method(self):
            """Not a setting."""

    module = types.ModuleType("conf_b")
    module.backlog = 5
    assert open_source(Settings).data == {"backlog": 4}
    assert open_source(Settings()).data == {"backlog": 4}
    assert open_source(module).data == {"backlog": 5}
    assert open_source({"backlog": 6}).data == {"backlog": 6}


@pytest.mark.parametrize("source", [3, True, b"x", ["a"]])
def test_what_can_be_no_configuration_is_refused(source):
    with pytest.raises(ConfigError, match="is no configuration"):
        open_source(source)
