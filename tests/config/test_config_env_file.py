"""Env files: syntax, precedence, errors."""

from __future__ import annotations

import pytest

from nonecorn.config.env_file import load_env_file, parse_env
from nonecorn.spi import ConfigError

TEXT = r"""
# a comment
PLAIN=value
SPACED = two words   # said here
export EXPORTED=yes
EMPTY=
SINGLE='$HOME "and" \n # all literal'
DOUBLE="line\nnext \"quoted\" \\ done" # comment
HASH=a#b
EQUALS=a=b
   INDENTED=1
"""


def test_values_are_read_as_written():
    assert {name: value for _, name, value in parse_env(TEXT, ".env")} == {
        "PLAIN": "value",
        "SPACED": "two words",
        "EXPORTED": "yes",
        "EMPTY": "",
        "SINGLE": r'$HOME "and" \n # all literal',
        "DOUBLE": 'line\nnext "quoted" \\ done',
        "HASH": "a#b",
        "EQUALS": "a=b",
        "INDENTED": "1",
    }


def test_what_is_set_already_stays_and_the_rest_remembers_its_line(tmp_path):
    file = tmp_path / ".env"
    file.write_text("A=1\nB=2\nB=3\n")
    environ = {"A": "kept"}
    added = load_env_file(file, environ)
    assert environ == {"A": "kept", "B": "3"}
    assert list(added) == ["B"]
    assert added["B"].endswith(".env:3")


def test_all_bad_lines_are_named_and_no_value_is_quoted(tmp_path):
    file = tmp_path / ".env"
    file.write_text("GOOD=1\nhunter2\nBAD='open\n1X=hunter2\n")
    with pytest.raises(ConfigError) as caught:
        load_env_file(file, {})
    places = [problem.partition(": ")[0] for problem in caught.value.problems]
    assert places == [f"{file}:{number}" for number in (2, 3, 4)]
    assert "hunter2" not in str(caught.value)


def test_missing_file_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"\.env: the env file cannot be read: No such file"):
        load_env_file(tmp_path / ".env", {})


def test_file_that_is_not_utf8_is_refused(tmp_path):
    file = tmp_path / ".env"
    file.write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigError, match="it is not UTF-8"):
        load_env_file(file, {})
