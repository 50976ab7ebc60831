"""The first look: plugins and files, by the rules of click's parser."""

from __future__ import annotations

import pytest

from nonecorn.config.argv import read_early
from nonecorn.config.early import prescan
from nonecorn.spi import ConfigError


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "argv",
    [
        ["--plugin", "x"],
        ["--plugin=x"],
        ["-p", "x"],
        ["-px"],
        ["app:app", "-p", "x", "--reload"],
        ["--root-path", "-p", "-p", "x"],
        ["-b", "--plugin", "-p", "x"],
        ["-p", "x", "--", "-p", "y"],
    ],
)
def test_plugin_is_found_in_every_spelling(argv):
    assert read_early(argv).plugin == ("x",)


@pytest.mark.parametrize(
    "argv", [["--", "-p", "x"], ["--plugins", "x"], ["--root-path=-px"], ["x"], ["-p"], ["-p", ""]]
)
def test_what_is_no_plugin_option_is_left_alone(argv):
    assert read_early(argv).plugin == ()


def test_all_early_options_are_found():
    early = read_early(
        ["-p", "a", "--plugin=b", "--no-plugin", "c", "-cfirst.toml", "--config", "x.toml",
         "--env-file=.env", "--no-autoload"]
    )  # fmt: skip
    assert early.plugin == ("a", "b")
    assert early.no_plugin == ("c",)
    assert early.config == "x.toml"
    assert early.env_file == ".env"
    assert early.autoload is False
    assert not early.help


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["app:app", "--help"]])
def test_help_is_found(argv):
    assert read_early(argv).help


def test_file_environment_and_flags_add_up(tmp_path):
    (tmp_path / "nonecorn.toml").write_text(
        'plugin = ["a", "b"]\nno_plugin = ["c"]\nautoload = false\n'
    )
    found = prescan(
        ["-p", "c", "--no-plugin", "a"], {"NONECORN_PLUGIN": "d", "NONECORN_AUTOLOAD": "1"}
    )
    assert found.selection.required == ("b", "d", "c")
    assert found.selection.blocked == ("a",)
    assert found.selection.autoload is True
    assert found.source is not None
    assert found.source.name == "nonecorn.toml"


def test_flag_names_the_file_before_the_environment_before_the_directory(tmp_path):
    for name in ("flag", "variable", "nonecorn"):
        (tmp_path / f"{name}.toml").write_text("")
    environ = {"NONECORN_CONFIG": "variable.toml"}
    names = [
        scan.source.name if scan.source else None
        for scan in (prescan(["-c", "flag.toml"], environ), prescan([], environ), prescan([], {}))
    ]
    assert names == ["flag.toml", "variable.toml", "nonecorn.toml"]


def test_env_file_may_name_the_configuration(tmp_path):
    (tmp_path / ".env").write_text("NONECORN_CONFIG=site.toml\n")
    (tmp_path / "site.toml").write_text("")
    found = prescan(["--env-file", ".env"], {})
    assert found.source is not None
    assert found.source.name == "site.toml"


def test_unreadable_file_is_an_error_except_where_help_is_asked_for(tmp_path):
    (tmp_path / "nonecorn.toml").write_text("= =")
    with pytest.raises(ConfigError, match=r"nonecorn\.toml: this is no TOML"):
        prescan([], {})
    found = prescan(["--help"], {})
    assert isinstance(found.error, ConfigError)
    assert found.selection.autoload


def test_values_of_the_wrong_type_are_left_for_the_build_to_report(tmp_path):
    (tmp_path / "nonecorn.toml").write_text('plugin = 3\nautoload = "x"\nenv_file = 4\n')
    assert prescan([], {"NONECORN_AUTOLOAD": "?"}).selection.required == ()
