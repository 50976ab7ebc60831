"""Which PID files are ours to write."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nonecorn.serving.pid_file import pid_file
from nonecorn.spi import StartupError

OWN = f"{os.getpid()}\n"
WAITS = [sys.executable, "-c", "input()"]


@pytest.fixture
def running():
    with subprocess.Popen(WAITS, stdin=subprocess.PIPE) as process:
        yield process.pid
        process.stdin.close()


@pytest.fixture
def ended():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def written(path, **options):
    with pid_file(str(path), **options):
        return path.read_text()


def test_the_file_of_a_process_that_has_ended_is_replaced(tmp_path, ended):
    path = tmp_path / "pid"
    path.write_text(f"{ended}\n")
    assert written(path) == OWN
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    ["", "\n", OWN, OWN.strip(), "0\n", "4294967295\n"],
    ids=["empty", "line", "own", "own-without-line-end", "zero", "none"],
)
def test_a_file_that_names_nobody_else_is_replaced(tmp_path, content):
    path = tmp_path / "pid"
    path.write_text(content)
    assert written(path) == OWN


def test_the_file_of_a_running_process_is_an_error_and_stays(tmp_path, running):
    path = tmp_path / "pid"
    path.write_text(f"{running}\n")
    with pytest.raises(StartupError) as caught:
        written(path)
    assert str(caught.value) == (
        f"the PID file {path} names process {running}, which is running: stop it, or remove "
        "the file if that is another program"
    )
    assert path.read_text() == f"{running}\n"


def test_it_may_name_the_program_that_this_one_replaces(tmp_path, running):
    path = tmp_path / "pid"
    path.write_text(f"{running}\n")
    assert written(path, replaces=running) == OWN


@pytest.mark.parametrize("content", ["import os\n", "12 13\n", "-1\n", "1" * 11, "\udcff"])
def test_a_file_that_is_something_else_stays(tmp_path, content):
    path = tmp_path / "pid"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(StartupError, match="holds no process ID: choose another path"):
        written(path)
    assert path.read_text(errors="surrogateescape") == content


@pytest.mark.skipif(sys.platform == "win32", reason="a right to make links is rare on Windows")
def test_a_symbolic_link_is_not_followed(tmp_path):
    (tmp_path / "pid").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StartupError, match="cannot be written"):
        written(tmp_path / "pid")
    assert not (tmp_path / "elsewhere").exists()


def test_a_relative_path_is_removed_from_wherever_the_server_ends(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    with pid_file("pid"):
        monkeypatch.chdir(tmp_path / "below")
    assert not (tmp_path / "pid").exists()
