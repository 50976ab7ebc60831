"""The server's loggers: what they write, and what they leave alone.

Each test runs in an interpreter of its own: logging is the process's, and pytest configures it too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PREAMBLE = """
import json, logging, sys
from nonecorn.builtin.logs import setup_logging
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import ConfigError
log = logging.getLogger("nonecorn.error")
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PREAMBLE + script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=True,
    )


def test_text_goes_to_standard_error() -> None:
    done = run("setup_logging(ServerSettings())\nlog.info('served %s', 'you')\nlog.debug('unsaid')")
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    time, process, level, message = line.split(" ", 3)
    assert time[10] == "T"
    assert process[0] + process[-1] == "[]"
    assert (level, message) == ("INFO", "served you")


def test_the_level_is_the_settings() -> None:
    done = run(
        "setup_logging(ServerSettings(log_level='error'))\nlog.warning('no')\nlog.error('yes')"
    )
    assert "no" not in done.stderr
    assert "ERROR yes" in done.stderr


def test_json_is_one_object_a_line() -> None:
    done = run(
        "setup_logging(ServerSettings(log_format='json'))\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: log.exception('é\\n')\n"
    )
    (line,) = done.stderr.splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert entry["logger"] == "nonecorn.error"
    assert entry["message"] == "é\n"
    assert entry["exception"].startswith("Traceback")
    assert entry["exception"].endswith("ZeroDivisionError: division by zero")
    assert isinstance(entry["process"], int)


def test_a_message_can_forge_no_line_and_steer_no_terminal() -> None:
    done = run(
        "setup_logging(ServerSettings())\n"
        "log.info('a\\r\\x1b[31m\\x9b\\u2028\\u202e\\n2026-01-01 forged\\té')\n"
    )
    first, second = done.stderr.splitlines()
    assert first.endswith(r"INFO a\x0d\x1b[31m\x9b\u2028\u202e")
    assert second == "    2026-01-01 forged\té"


def test_tracebacks_and_stacks_follow_their_message() -> None:
    done = run(
        "setup_logging(ServerSettings())\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: log.exception('failed', stack_info=True)\n"
    )
    lines = done.stderr.splitlines()
    assert lines[0].endswith("ERROR failed")
    assert lines[1] == "Traceback (most recent call last):"
    assert "ZeroDivisionError: division by zero" in lines
    assert "Stack (most recent call last):" in lines


def test_an_application_that_configures_the_root_logger_later_doubles_nothing() -> None:
    done = run(
        "setup_logging(ServerSettings())\n"
        "logging.basicConfig()\n"
        "log.error('once')\n"
        "logging.error('the app')\n"
    )
    assert done.stderr.count("once") == 1
    assert "ERROR:root:the app" in done.stderr


def test_where_the_program_has_configured_logging_its_handlers_are_used() -> None:
    done = run(
        "logging.basicConfig(format='mine %(message)s')\n"
        "setup_logging(ServerSettings())\n"
        "log.info('hello')\n"
        "assert logging.getLogger().level == logging.WARNING\n"
    )
    assert done.stderr == "mine hello\n"


def test_handlers_of_the_tree_are_left_alone() -> None:
    done = run(
        "tree = logging.getLogger('nonecorn')\n"
        "handler = logging.StreamHandler(sys.stdout)\n"
        "tree.addHandler(handler)\n"
        "setup_logging(ServerSettings())\n"
        "log.info('hello')\n"
        "assert tree.handlers == [handler]\n"
    )
    assert (done.stdout, done.stderr) == ("hello\n", "")


def test_it_may_be_called_again() -> None:
    done = run(
        "setup_logging(ServerSettings())\n"
        "setup_logging(ServerSettings(log_level='debug', log_format='json'))\n"
        "log.debug('once')\n"
        "print(logging.getLogger('nonecorn').handlers)\n"
    )
    assert json.loads(done.stderr)["message"] == "once"
    assert done.stdout == "[<ServerHandler stderr>]\n"


def test_a_replaced_or_missing_standard_error_is_no_harm() -> None:
    done = run(
        "import io\n"
        "setup_logging(ServerSettings())\n"
        "sys.stderr = io.StringIO()\n"
        "log.info('kept')\n"
        "assert 'kept' in sys.stderr.getvalue()\n"
        "sys.stderr = None\n"
        "log.info('lost')\n"
    )
    assert done.stderr == ""


def test_a_closed_pipe_is_no_harm() -> None:
    script = (
        PREAMBLE
        + "setup_logging(ServerSettings())\n"
        + "sys.stdin.read()\n"
        + "log.info('to nobody')\nlog.info('to nobody')\n"
        + "print('alive', flush=True)\n"
        + "import os; os._exit(0)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()
        process.stdin.close()
        assert process.stdout.read() == b"alive\n" or sys.platform == "win32"


# log_config ---------------------------------------------------------------------------------------

TOML = """
[formatters.short]
format = "T %(levelname)s %(message)s"
[handlers.out]
class = "logging.StreamHandler"
stream = "ext://sys.stdout"
formatter = "short"
[loggers.nonecorn]
handlers = ["out"]
level = "DEBUG"
"""

INI = """
[loggers]
keys = root
[handlers]
keys = out
[formatters]
keys = short
[logger_root]
level = ERROR
handlers = out
[handler_out]
class = StreamHandler
args = (sys.stdout,)
formatter = short
[formatter_short]
format = I %(message)s
"""


def configured(
    tmp_path: Path, name: str, text: str, script: str
) -> subprocess.CompletedProcess[str]:
    path = tmp_path / name
    path.write_text(text)
    return run(f"settings = ServerSettings(log_config={str(path)!r})\n{script}")


SPEAK = "setup_logging(settings)\nlog.debug('fine')\nlog.info('plain')\n"


def test_toml(tmp_path: Path) -> None:
    done = configured(tmp_path, "log.toml", TOML, SPEAK)
    assert (done.stdout, done.stderr) == ("T DEBUG fine\nT INFO plain\n", "")


def test_json(tmp_path: Path) -> None:
    table = {
        "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
        "loggers": {"nonecorn": {"handlers": ["out"]}},
    }
    done = configured(tmp_path, "log.json", json.dumps(table), SPEAK)
    assert (done.stdout, done.stderr) == ("plain\n", "")  # the level is still log_level's


def test_ini_silences_no_logger_that_was_there_before(tmp_path: Path) -> None:
    done = configured(
        tmp_path,
        "log.ini",
        INI,
        "other = logging.getLogger('other')\n" + SPEAK + "other.error('o')",
    )
    assert (done.stdout, done.stderr) == ("I plain\nI o\n", "")


def test_a_configuration_without_the_servers_loggers_leaves_them_their_own(tmp_path: Path) -> None:
    text = TOML.replace("loggers.nonecorn", "loggers.shop")
    done = configured(tmp_path, "log.toml", text, SPEAK)
    assert done.stdout == ""
    assert done.stderr.endswith("INFO plain\n")


FAIL = (
    "try: setup_logging(settings)\n"
    "except ConfigError as error: print(error)\n"
    "else: raise AssertionError\n"
)


def failure(tmp_path: Path, name: str, text: str) -> str:
    said = configured(tmp_path, name, text, FAIL).stdout
    assert said.count("\n") == 1
    assert said.startswith(f"log_config {tmp_path / name} ")
    return said


def test_what_is_no_configuration_is_told(tmp_path: Path) -> None:
    assert "TOMLDecodeError" in failure(tmp_path, "log.toml", "[")
    assert "JSONDecodeError" in failure(tmp_path, "log.json", "{")
    assert "is no configuration" in failure(tmp_path, "log.json", "[1]")
    assert "KeyError: 'formatters'" in failure(tmp_path, "log.ini", "[x]")
    assert "is no configuration" in failure(tmp_path, "log.ini", "nothing\n")
    assert "no_such_module" in failure(
        tmp_path, "log.toml", "[handlers.a]\nclass = 'no_such_module.Handler'"
    )


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    done = run(f"settings = ServerSettings(log_config={str(tmp_path / 'no.toml')!r})\n{FAIL}")
    assert done.stdout == (
        f"log_config {tmp_path / 'no.toml'} cannot be read: no such file or directory\n"
    )
