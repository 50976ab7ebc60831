"""Foreign clients against every worker and engine: curl, httpx, http.client, raw sockets."""

from __future__ import annotations

import concurrent.futures
import hashlib
import http.client
import itertools
import json
import socket
import subprocess
import threading
from contextlib import closing

import httpx
import pytest

from nonecorn.testing import read_responses
from nonecorn.testing.wire import connect
from tests.e2e.probe import BLOCK
from tests.e2e.raw import get, responses

LARGE = 20 * 1024 * 1024


def pattern(size):
    return (BLOCK * (size // len(BLOCK) + 1))[:size]


@pytest.fixture(scope="session")
def upload(tmp_path_factory):
    path = tmp_path_factory.mktemp("upload") / "body"
    path.write_bytes(pattern(LARGE))
    return path


@pytest.fixture
def run(curl, server):
    def _run(*args, path="/", body=b""):
        command = [curl, "-sS", "-m", "30", *args, f"{server.url}{path}"]
        found = subprocess.run(command, input=body, capture_output=True, timeout=40, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout

    return _run


# curl ---------------------------------------------------------------------------------------------


def test_curl_gets_a_page_over_http_1_1(run):
    head, _, body = run("-i").partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"http/1.1 200 ok"
    assert {b"server: nonecorn", b"content-length: 5", b"content-type: text/plain"} <= {*lines}
    assert body == b"hello"


def test_curl_gets_a_page_over_http_1_0_and_the_connection_closes(run):
    head, _, body = run("-i", "--http1.0").partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert body == b"hello"


def test_curl_reuses_its_connection(run, server):
    args = ["-w", "%{num_connects} ", "-o", "-", f"{server.url}/", "-o", "-", f"{server.url}/"]
    assert run(*args, "-o", "-").count(b"hello1 ") == 1


def test_curl_posts_a_form(run):
    assert run("-d", "a=1&b=2", path="/echo") == b"a=1&b=2"


def test_curl_uploads_in_chunks(run):
    found = run("-T", "-", path="/digest", body=pattern(LARGE))  # of unknown length: in chunks
    assert json.loads(found) == _digest(LARGE)


def _digest(size):
    return {"size": size, "sha256": hashlib.sha256(pattern(size)).hexdigest()}


def test_curl_waits_for_100_continue_before_it_uploads(run, upload):
    args = ["-T", str(upload), "-H", "Expect: 100-continue", "--expect100-timeout", "20", "-i"]
    found = run(*args, path="/digest")
    assert found.startswith(b"HTTP/1.1 100 ")
    assert json.loads(found.rpartition(b"\r\n\r\n")[2]) == _digest(LARGE)


def test_curl_asks_for_the_head_alone(run):
    found = run("-I")
    assert b"content-length: 5\r\n" in found.lower()
    assert found.endswith(b"\r\n\r\n")


def test_curl_gets_trailers_it_has_asked_for(run):
    found = run("-i", "-H", "TE: trailers", path="/trailers")
    assert b"x-sum: 42" in found
    assert b"x-sum: 42" not in run("-i", path="/trailers")


def test_curl_downloads_much(run):
    found = run(path=f"/download?{LARGE}")
    assert hashlib.sha256(found).hexdigest() == _digest(LARGE)["sha256"]


# httpx and http.client ----------------------------------------------------------------------------


def test_httpx_streams_both_ways(server):
    with httpx.Client(base_url=server.url, timeout=30) as client:
        answer = client.post("/digest", content=(BLOCK for _ in range(64)))
        assert answer.json() == _digest(64 * len(BLOCK))
        with client.stream("GET", f"/download?{LARGE}") as streamed:
            sha = hashlib.sha256()
            for piece in streamed.iter_raw():
                sha.update(piece)
    assert sha.hexdigest() == _digest(LARGE)["sha256"]


def test_http_client_keeps_its_connection(server):
    with closing(http.client.HTTPConnection(*server.address, timeout=30)) as connection:
        local = set()
        for number in range(1, 6):
            connection.request("POST", f"/tag?{number}", body=b"x" * number)
            local.add(connection.sock.getsockname())
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"%d %b" % (number, b"x" * number))
        assert len(local) == 1


def test_a_body_is_echoed_while_it_is_still_sent(server):
    # The client has read the echo of each piece before it sends the next.
    with connect(server.address, 20) as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n")
        received = b""
        for number in range(20):
            piece = b"<%d>" % number
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            while piece not in received:
                received += sock.recv(65536)
        sock.sendall(b"0\r\n\r\n")
        while not received.endswith(b"\r\n0\r\n\r\n"):
            received += sock.recv(65536)
    [response] = read_responses(received)
    assert response.body == b"".join(b"<%d>" % number for number in range(20))


def test_both_directions_stream_at_once_without_an_end_to_buffer(server):
    # 8 MiB each way on one connection: neither side could hold them.
    size = 8 * 1024 * 1024
    with connect(server.address, 20) as sock:
        head = f"POST /echo HTTP/1.0\r\nhost: t\r\ncontent-length: {size}\r\n\r\n".encode()
        sender = threading.Thread(target=sock.sendall, args=[head + pattern(size)])
        sender.start()
        data = b"".join(iter(lambda: sock.recv(1 << 20), b""))
        sender.join()
    [response] = read_responses(data)
    assert response.body == pattern(size)


# Raw ----------------------------------------------------------------------------------------------


def test_two_hundred_connections_at_once_get_their_own_answers(server):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        socks = list(pool.map(lambda _: connect(server.address, 30), range(200)))
    try:
        for turn in range(5):
            for number, sock in enumerate(socks):
                body = b"body-%d-%d" % (number, turn)
                sock.sendall(
                    b"POST /tag?query-%d HTTP/1.1\r\nhost: t\r\nx-tag: head-%d\r\n"
                    b"content-length: %d\r\n\r\n%b" % (number, number, len(body), body)
                )
            for number, sock in enumerate(socks):
                [response] = responses(sock)
                expected = f"head-{number} query-{number} body-{number}-{turn}"
                assert response.body.decode() == expected
    finally:
        for sock in socks:
            sock.close()


def test_pipelined_requests_are_answered_in_order(server):
    with connect(server.address, 20) as sock:
        sock.sendall(b"".join(get(f"/tag?{number}") for number in range(100)))
        bodies = [response.body for response in responses(sock, 100)]
    assert bodies == [b"%d" % number for number in range(100)]


def test_pipelined_requests_arriving_byte_by_byte_are_answered_in_order(server):
    with connect(server.address, 20) as sock:
        for byte in itertools.chain.from_iterable(get(f"/tag?{n}") for n in range(3)):
            sock.sendall(bytes([byte]))
        bodies = [response.body for response in responses(sock, 3)]
    assert bodies == [b"0", b"1", b"2"]


def test_a_client_that_ended_its_direction_still_gets_its_answer(server):
    with connect(server.address, 20) as sock:
        sock.sendall(get("/tag?last"))
        sock.shutdown(socket.SHUT_WR)
        [response] = responses(sock)
        assert response.body == b"last"
        assert sock.recv(1) == b""
