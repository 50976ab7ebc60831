"""Where lines go: real files, pipes and loggers."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nonecorn.builtin.access_log import AccessLog, make
from nonecorn.builtin.access_log.sinks import FileSink
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import ConfigError, RequestRecord, StartupError
from nonecorn.testing.context import make_app_context
from nonecorn.testing.runtime import MemoryRuntime

LOG = logging.getLogger("nonecorn.error")


@pytest.fixture
def access_logger() -> Iterator[logging.Logger]:
    """The logger `nonecorn.access`, as it was before, afterwards."""
    logger = logging.getLogger("nonecorn.access")
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def record(path: str = "/") -> RequestRecord:
    scope: dict[str, Any] = {
        "type": "http",
        "headers": [],
        "method": "GET",
        "path": path,
        "client": None,
    }
    return RequestRecord(
        scope=scope, status=200, headers=[], sent=1, received=0, duration=0.0, reason=""
    )


def make_log(target: str | None, text: str = "%(m)s %(U)s") -> AccessLog | None:
    settings = ServerSettings(access_log=target, access_log_format=text)
    return make(make_app_context([settings]))


def test_there_is_none_unless_asked_for() -> None:
    assert make_log(None) is None


def test_lines_are_written_once_per_tick_and_in_order(tmp_path: Path) -> None:
    log = make_log(str(tmp_path / "access.log"))
    assert log is not None
    runtime = MemoryRuntime()
    log.worker_started(runtime)
    log.request_finished(record("/1"))
    log.request_finished(record("/2"))
    assert (tmp_path / "access.log").read_text() == ""
    assert "waiting=2" in repr(log)
    runtime.run_until_idle()
    assert (tmp_path / "access.log").read_text() == "GET /1\nGET /2\n"
    log.request_finished(record("/3"))
    runtime.run_until_idle()
    assert (tmp_path / "access.log").read_text() == "GET /1\nGET /2\nGET /3\n"


def test_while_the_worker_stops_lines_are_written_at_once(tmp_path: Path) -> None:
    log = make_log(str(tmp_path / "access.log"))
    assert log is not None
    runtime = MemoryRuntime()
    log.worker_started(runtime)
    log.request_finished(record("/1"))
    log.worker_stopping(runtime)
    assert (tmp_path / "access.log").read_text() == "GET /1\n"
    log.request_finished(record("/2"))
    assert (tmp_path / "access.log").read_text() == "GET /1\nGET /2\n"


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("before\n")
    for name in ("/1", "/2"):  # two workers
        log = make_log(str(path))
        assert log is not None
        log.request_finished(record(name))
    assert path.read_text() == "before\nGET /1\nGET /2\n"


def test_a_file_that_cannot_be_opened_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError) as caught:
        make_log(str(tmp_path / "no" / "access.log"))
    assert str(caught.value) == (
        f"access_log {tmp_path}/no/access.log cannot be opened: no such file or directory"
    )


def test_a_bad_format_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no atom"):
        make_log(str(tmp_path / "access.log"), "%(nonsense)s")


def test_a_dash_is_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    log = make_log("-")
    assert log is not None
    log.request_finished(record())
    assert capfd.readouterr().out == "GET /\n"
    assert repr(log) == "<AccessLog <FileSink -> waiting=0>"


# Rotation -----------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be moved there")
def test_reopen_goes_on_in_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = make_log(str(path))
    assert log is not None
    log.request_finished(record("/old"))
    path.rename(tmp_path / "access.log.1")
    log.reopen()
    log.request_finished(record("/new"))
    assert path.read_text() == "GET /new\n"
    assert (tmp_path / "access.log.1").read_text() == "GET /old\n"


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be moved there")
def test_a_moved_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    sink = FileSink(str(path), LOG)
    sink.write(["old\n"])
    path.rename(tmp_path / "access.log.1")
    sink._checked = 0.0  # a second later
    sink.write(["new\n"])
    assert path.read_text() == "new\n"
    assert (tmp_path / "access.log.1").read_text() == "old\n"


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be moved there")
def test_where_no_new_file_can_be_made_the_old_one_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "logs"
    directory.mkdir()
    sink = FileSink(str(directory / "access.log"), LOG)
    directory.rename(tmp_path / "moved")
    sink.reopen()
    sink.write(["still here\n"])
    assert (tmp_path / "moved" / "access.log").read_text() == "still here\n"
    assert len(caplog.records) == 1


# Failures -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only some systems have /dev/full")
def test_a_full_disk_is_told_once_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    log = make_log("/dev/full")
    assert log is not None
    for _ in range(5):
        log.request_finished(record())
    (said,) = caplog.records
    assert said.getMessage() == (
        "access log: lines for /dev/full are lost: No space left on device"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX's")
def test_a_line_cut_off_by_a_full_disk_is_not_continued(tmp_path: Path) -> None:
    # In a process of its own, since the limit on file sizes is the process's.
    script = (
        "import logging, resource, signal, sys\n"
        "from nonecorn.builtin.access_log.sinks import FileSink\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "logging.disable()\n"
        "sink = FileSink(sys.argv[1], logging.getLogger())\n"
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5, hard))\n"
        "sink.write(['first line\\n'])\n"
        "sink.write(['lost\\n'])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "sink.write(['second line\\n'])\n"
    )
    path = tmp_path / "access.log"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=30)
    assert path.read_text() == "first\nsecond line\n"


def test_a_closed_pipe_is_told_once_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    with on_stdout(writer):
        sink = FileSink("-", LOG)
    os.close(reader)
    sink.write(["a\n"])
    sink.write(["b\n"])
    (said,) = caplog.records
    assert os.strerror(errno.EPIPE) in said.getMessage()


def test_a_slow_reader_gets_whole_lines_and_blocks_nobody(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with on_stdout(writer):
        sink = FileSink("-", LOG)
    for number in range(3000):  # 3 MB: more than a pipe and what is kept hold
        sink.write([f"{number:0999}\n"])
    assert len(caplog.records) == 1
    os.set_blocking(reader, False)
    data = drain(reader)
    sink.write(["last\n"])
    data += drain(reader)
    while not data.endswith(b"last\n"):
        sink.write([])
        data += drain(reader)
    os.close(reader)
    lines = data.splitlines()
    assert all(len(each) == 999 for each in lines[:-1])
    numbers = [int(each) for each in lines[:-1]]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0


def drain(reader: int) -> bytes:
    data = b""
    try:
        while piece := os.read(reader, 1 << 20):
            data += piece
    except BlockingIOError:
        pass
    return data


class on_stdout:
    """Let descriptor 1 be another for a while, and close that other."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> None:
        self.saved = os.dup(1)
        os.dup2(self.descriptor, 1)
        os.close(self.descriptor)

    def __exit__(self, *error: object) -> None:
        os.dup2(self.saved, 1)
        os.close(self.saved)


# Logger -------------------------------------------------------------------------------------------


class Keeper(logging.Handler):
    """Keeps messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def test_a_logger_with_handlers_gets_the_lines(
    access_logger: logging.Logger, tmp_path: Path
) -> None:
    keeper = Keeper()
    access_logger.addHandler(keeper)
    access_logger.setLevel(logging.INFO)
    log = make_log(str(tmp_path / "unused.log"))
    assert log is not None
    log.request_finished(record("/100%s"))
    assert keeper.messages == ["GET /100%s"]
    assert not (tmp_path / "unused.log").exists()
    log.reopen()
    assert "LoggerSink nonecorn.access" in repr(log)


def test_a_logger_that_is_silenced_costs_nothing(access_logger: logging.Logger) -> None:
    access_logger.addHandler(Keeper())
    access_logger.setLevel(logging.WARNING)
    assert make_log(None) is None


def test_descriptors_are_closed_with_the_log(tmp_path: Path) -> None:
    before = count_descriptors()
    for _ in range(5):
        log: Any = make_log(str(tmp_path / "access.log"))
        log.request_finished(record())
        del log
    assert count_descriptors() == before


def count_descriptors() -> int:
    count = 0
    for descriptor in range(512):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        count += 1
    return count
