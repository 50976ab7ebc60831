"""SIGUSR1: files that were moved away are left, and made anew."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

from nonecorn.testing import ServeProcess
from tests.supervisor.conftest import HERE, supervised
from tests.supervisor.waiting import until

CONFIG = """
[handlers.file]
class = "logging.FileHandler"
filename = "{file}"
[loggers.nonecorn]
handlers = ["file"]
level = "INFO"
[handlers.out]
class = "logging.StreamHandler"
[root]
handlers = ["out"]
level = "INFO"
"""


def asked(server, path, count=8):
    """So many requests; return when the log has their lines."""
    before = path.read_text().count("\n") if path.exists() else 0
    for _ in range(count):
        server.ask()
    until(lambda: path.read_text().count("\n") == before + count, f"{count} lines")


def opened(pid, path):
    """Whether a process has a file open, under its present name."""
    found = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(each.readlink())
    return path in found


def test_every_worker_writes_to_the_new_files(worker, tmp_path):
    access, error = tmp_path / "access", tmp_path / "error"
    config = tmp_path / "logging.toml"
    config.write_text(CONFIG.format(file=error))
    args = ["--access-log", str(access), "--log-config", str(config)]
    with supervised(worker, *args) as server:
        asked(server, access)
        access.rename(tmp_path / "access.1")
        error.rename(tmp_path / "error.1")
        server.send_signal(signal.SIGUSR1)
        server.wait_for_line("log files were opened anew")
        until(lambda: all(opened(pid, access) for pid in server.workers), "new access log")
        asked(server, access)
    assert (tmp_path / "access.1").read_text().count("\n") == 8
    assert "serving on" in (tmp_path / "error.1").read_text()
    assert "stopping" in error.read_text()
    assert "stopping" not in (tmp_path / "error.1").read_text()


def test_without_workers_too_and_no_program_takes_over(worker, tmp_path):
    path = tmp_path / "access"
    args = ["-k", worker, "--access-log", str(path), "--app-dir", str(HERE)]
    with ServeProcess("supervised:app", args) as server:
        for times, number in enumerate((signal.SIGUSR1, signal.SIGHUP), 1):
            path.rename(tmp_path / f"access.{times}")
            server.send_signal(number)
            server.wait_for_line("log files were opened anew", nth=times)
            assert path.exists()
        server.send_signal(signal.SIGUSR2)
        server.wait_for_line("SIGUSR2: without workers no other program can take over")
        assert server.exit_code is None
    assert server.exit_code == 0
