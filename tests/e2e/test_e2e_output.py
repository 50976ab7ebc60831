"""What a server process says: at its start, about requests, and nothing else."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

import nonecorn
from nonecorn.testing import raw_exchange
from nonecorn.testing.wire import connect
from tests.e2e.conftest import HERE, probe
from tests.e2e.raw import ask, get

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 \[(\d+)\] INFO ")


def said(server):
    """Messages of the start, without time and process."""
    return [STAMP.sub("", line) for line in server.errors.splitlines()]


def test_the_start_names_version_plugins_address_process_and_how_to_stop(server):
    python = ".".join(map(str, sys.version_info[:3]))
    worker, engine = server.command[7], server.command[9]
    first, plugins, serving, process = said(server)[:4]
    assert first == f"nonecorn {nonecorn.__version__} on Python {python}, worker {worker}"
    names = re.findall(r"(\w+) [\d.]+", plugins.removeprefix("plugins: "))
    assert {worker, engine, "asgi"} <= {*names}
    assert serving == "serving on http://{}:{}".format(*server.address)
    assert server.address[1] != 0
    assert process == f"process {server.pid}; press CTRL+C to stop"


def test_every_address_is_named_in_its_order(tmp_path):
    path = tmp_path / "socket"
    inherited = socket.create_server(("127.0.0.1", 0))
    port = inherited.getsockname()[1]
    binds = ["127.0.0.1:0", f"unix:{path}", f"fd://{inherited.fileno()}", "[::1]:0"]
    args = [part for bind in binds for part in ("--bind", bind)]
    with inherited:
        process = start(*args, pass_fds=[inherited.fileno()])
    with process:
        urls = []
        for line in process.stderr:
            urls += re.findall(r"serving on (\S+)", line)
            if "to stop" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", urls[0])
    assert urls[1:3] == [f"unix:{path}", f"http://127.0.0.1:{port}"]
    assert re.fullmatch(r"http://\[::1\]:[1-9]\d*", urls[3])


def start(*args, pass_fds=()):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("NONECORN_")}
    return subprocess.Popen(
        [sys.executable, "-m", "nonecorn", "serve", "-k", "asyncio", *args, "probe:app"],
        cwd=HERE,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
    )


def test_above_level_info_the_start_is_silent():
    # The listening socket is ours, so that nobody needs to be told when it is served.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        args = ["--bind", f"fd://{listening.fileno()}", "--log-level", "warning"]
        process = start(*args, pass_fds=[listening.fileno()])
        address = listening.getsockname()
    with process, connect(address, 20) as sock:
        assert ask(sock, get()).body == b"hello"
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert output == "lifespan startup\nlifespan shutdown\n"


def test_json_logs_are_one_object_a_line():
    with probe("asyncio", "h11", "--log-format", "json") as server:
        pass
    entries = [json.loads(line) for line in server.errors.splitlines()]
    assert all(entry["logger"] == "nonecorn.error" for entry in entries)
    assert entries[2]["message"] == f"serving on {server.url}"


# Access log ---------------------------------------------------------------------------------------

REQUESTS = {
    "line feed": (b"GET /a%0ab HTTP/1.1\r\nHost: t\r\n\r\n", '"GET /a%0ab HTTP/1.1" 404'),
    "escape": (b"GET /%1b[31m HTTP/1.1\r\nHost: t\r\n\r\n", '"GET /%1b[31m HTTP/1.1" 404'),
    "quotes": (
        b'GET /x HTTP/1.1\r\nHost: t\r\nUser-Agent: "\\\xff\r\nReferer: a"b\r\n\r\n',
        r'"GET /x HTTP/1.1" 404 12 "a\"b" "\"\\\xff"',
    ),
    "refused": (b"GET / HTTP/1.1\r\n\r\n", " 400 "),
}


@pytest.fixture(scope="module", params=["asyncio", "uvloop", "trio"])
def logging_server(request):
    with probe(request.param, "h11", "--access-log", "-") as running:
        yield running


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_one_escaped_line_on_standard_output(name, logging_server):
    request, expected = REQUESTS[name]
    if name == "refused":
        raw_exchange(logging_server.address, request)
    else:
        with connect(logging_server.address, 20) as sock:
            ask(sock, request)
    line = logging_server.wait_for_line(expected)
    assert line.startswith("127.0.0.1 - - [")
    assert line.rstrip("\n").isprintable()
    assert line in logging_server.output


def test_lines_of_requests_that_the_end_broke_off_are_written(worker):
    args = ["--access-log", "-", "--graceful-timeout", "0"]
    with probe(worker, "h11", *args, clean=False) as server, connect(server.address, 20) as sock:
        sock.sendall(get("/stuck"))
        server.wait_for_line("stuck begun")
        server.terminate()
        assert server.wait() == 1
    assert '"GET /stuck HTTP/1.1" 503 ' in server.output
