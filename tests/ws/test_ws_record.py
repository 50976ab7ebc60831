"""What the log says of a socket: one line in the access log, and nothing where all is well."""

from __future__ import annotations

import pytest

from tests.e2e.raw import reset
from tests.ws.client import BINARY, RawClient, closing, frame, opened, request, text
from tests.ws.conftest import probe

FORMAT = "%(r)s | %(s)s"


def lines(server):
    return [line for line in server.output.splitlines() if " | " in line]


@pytest.mark.parametrize("ending", ["client", "server", "lost", "bad frame", "crash"])
def test_a_socket_is_one_line_however_it_ends(worker, ending):
    args = ["--access-log", "-", "--access-log-format", FORMAT]
    path = {"server": "/scope", "crash": "/crash-after"}.get(ending, "/echo")
    with probe(worker, "httptools", *args, clean=ending != "crash") as server:
        with opened(server.address, path) as client:
            if ending == "client":
                client.send(text("a"), text("b"))
                assert [client.message().payload for _ in range(2)] == [b"a", b"b"]
                client.goodbye()
            elif ending == "server":
                client.message()
                client.closed()
                client.send(closing())
            elif ending == "lost":
                client.send(text("a"))
                client.frame()
                reset(client.sock)
            elif ending == "bad frame":
                assert client.send(frame(BINARY, rsv=1)).failed() == 1002
            else:
                client.send(text("go"))
                assert client.closed()[0] == 1011
                client.send(closing(1011))
        server.terminate()
        server.wait()
    assert lines(server) == [f"GET {path} HTTP/1.1 | 101"]


@pytest.mark.parametrize(
    ("hello", "status"),
    [
        (request("/crash-before"), 500),
        (request("/return-before"), 500),
        (request(sec_websocket_version="8"), 426),
        (request(sec_websocket_key="short"), 400),
    ],
    ids=["crash", "return", "version", "key"],
)
def test_a_refused_socket_is_one_line_too(worker, hello, status):
    args = ["--access-log", "-", "--access-log-format", FORMAT]
    with probe(worker, "httptools", *args, clean=False) as server:
        with RawClient(server.address, hello) as client:
            assert client.refused().status == status
        server.terminate()
        server.wait()
    [line] = lines(server)
    assert line.endswith(f"| {status}")


def test_an_address_cannot_forge_a_line(worker):
    """The path is decoded for the application, and escaped in the log."""
    args = ["--access-log", "-", "--access-log-format", FORMAT]
    with probe(worker, "httptools", *args, clean=False) as server:
        with RawClient(server.address, request("/%0aGET%20/forged%1b[31m")) as client:
            client.refused()
        server.terminate()
        server.wait()
    assert len(lines(server)) == 1
    assert "\x1b" not in server.output + server.errors


def test_peers_mistakes_are_no_errors_in_the_log(worker):
    with probe(worker, "httptools", "--log-level", "info") as server:
        for bad in (frame(3), frame(1, b"\xff"), frame(8, b"\x03"), frame(1, b"x", mask=None)):
            with opened(server.address) as client:
                client.send(bad).failed()
        server.terminate()
        server.wait()
    assert "error" not in server.errors.lower()
