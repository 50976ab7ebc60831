"""Defects of other servers that show only in a whole process: ours must not have them."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from nonecorn.testing import ServeExitedError, ServeProcess, raw_exchange, read_responses

WORKERS = ["asyncio", "uvloop", "trio"]
GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("from nonecorn.testing.apps import hello as app\n")
    return tmp_path


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets")
def test_a_unix_socket_is_removed_and_sigterm_ends_in_good_order(
    directory: Path, worker: str
) -> None:
    path = directory / "s"
    args = ["--worker", worker, "--bind", f"unix:{path}"]
    with ServeProcess("app:app", args, cwd=directory) as server:
        assert path.is_socket()
        (response,) = read_responses(raw_exchange(str(path), GET).data)
        assert response.status == 200
        server.terminate()
        assert server.wait() == 0
    assert not path.exists()


def test_an_insecure_bind_without_a_certificate_is_not_ignored(directory: Path) -> None:
    args = ["--bind", "127.0.0.1:0", "--insecure-bind", "127.0.0.1:0"]
    with pytest.raises(ServeExitedError, match=r"insecure_bind.*--certfile") as raised:
        ServeProcess("app:app", args, cwd=directory).start()
    assert raised.value.exit_code == 2


def test_a_request_is_one_line_of_the_access_log_whatever_it_holds(directory: Path) -> None:
    request = (
        b"GET /a%0aforged%0d%1b%5b31m%22?q=%0a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        b'User-Agent: x" 200 "forged\x80\r\nReferer: \\" y\r\n\r\n'
    )
    with ServeProcess("app:app", ["--access-log", "-"], cwd=directory) as server:
        (response,) = read_responses(raw_exchange(server.address, request).data)
        assert response.status == 200
        line = server.wait_for_line("forged")
        server.terminate()
        assert server.wait() == 0
    assert server.output == line, "one request, one line"
    assert line.rstrip("\n").isprintable()
    assert line.isascii()
    assert 'x" 200 "forged' not in line


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to one process")
def test_control_c_ends_an_idle_keep_alive_connection_in_good_order(
    directory: Path, worker: str
) -> None:
    with (
        ServeProcess("app:app", ["--worker", worker], cwd=directory) as server,
        socket.create_connection(server.address, 5) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        server.interrupt()
        assert server.wait(timeout=10) == 0
        assert client.recv(10) == b""
        assert "Traceback" not in server.errors
