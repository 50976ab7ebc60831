"""What can be set, as a client sees it: `[h2]`, and those of `[limits]` that answer requests."""

from __future__ import annotations

import json
import re
import socket
import ssl

import pytest

from nonecorn.testing.address import address_of
from nonecorn.testing.wire import connect
from tests.h2 import frames as f
from tests.h2.cases.outcome import connection_error, stream_error
from tests.h2.client import PATIENCE
from tests.h2.conftest import probe, trusting


def test_what_the_server_says_of_itself(server):
    with server.connect() as client:
        client.start()
        assert client.settings[f.MAX_CONCURRENT_STREAMS] == 100
        assert client.settings[f.MAX_HEADER_LIST_SIZE] == 65536
        assert client.settings[f.ENABLE_CONNECT_PROTOCOL] == 1
        assert client.settings.get(f.MAX_FRAME_SIZE, 16384) == 16384
        assert client.settings.get(f.ENABLE_PUSH, 0) == 0


@pytest.fixture(scope="module")
def changed(certificates):
    """Every setting of `[h2]` changed, and some limits."""
    args = [
        *("--h2-max-streams", "5", "--h2-receive-window", "3MiB", "--h2-frame-size", "64KiB"),
        *("--h2-push", "--limits-receive-buffer", "256KiB", "--limits-head-fields", "20"),
        *("--limits-head-size", "8KiB", "--limits-target-size", "100"),
        *("--limits-body-size", "100000", "--no-server-header", "--no-date-header"),
        *("--access-log", "-"),
    ]
    with probe("asyncio", certificates, *args) as server:
        yield server


def test_the_limit_on_streams(changed):
    with changed.connect() as client:
        client.start()
        assert client.settings[f.MAX_CONCURRENT_STREAMS] == 5
        waiting = [client.get(b"/wait") for _ in range(5)]
        stream_error(f.REFUSED_STREAM, stream=client.get())(client)
        client.send(f.rst_stream(waiting[0]))
        client.sync()
        assert client.ask().data == b"hello"


def test_the_windows(changed):
    with changed.connect() as client:
        client.start()
        client.sync()
        stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
        assert client.settings[f.INITIAL_WINDOW_SIZE] >= 256 * 1024
        assert client.window(stream) >= 256 * 1024
        client.send(f.rst_stream(stream))
        held = [client.open(f.request(b"/hold", method=b"POST"), end=False) for _ in range(4)]
        sent = sum(client.upload(each, bytes(90_000), end=False, wait=False) for each in held)
        assert sent == 360_000
        client.sync()
        with changed.connect() as other:
            other.start().ask(f.request(b"/release"))


def test_the_size_of_frames(changed):
    with changed.connect() as client:
        client.start()
        assert client.settings[f.MAX_FRAME_SIZE] == 65536
        stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
        client.send(f.data(stream, bytes(65536), end=True))
        assert json.loads(client.response(stream).data)["size"] == 65536
        client.send(f.frame(f.UNKNOWN, 0, 0, bytes(65537)))
        connection_error(f.FRAME_SIZE_ERROR)(client)


REFUSED = {
    "too many fields": (f.request(b"/", *[(b"x-%d" % n, b"") for n in range(30)]), {431}),
    "too large a head": (f.request(b"/", *[(b"x-%d" % n, b"v" * 900) for n in range(10)]), {431}),
    "too long a target": (f.request(b"/" + b"p" * 200), {414}),
    "too long a body": (
        f.request(b"/digest", (b"content-length", b"100001"), method=b"POST"),
        {413},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_limits_on_requests(changed, name):
    fields, statuses = REFUSED[name]
    with changed.connect() as client:
        client.start()
        assert client.response(client.open(fields)).status in statuses
        assert client.ask().data == b"hello"


def test_a_body_without_length_that_grows_too_long(changed):
    with changed.connect() as client:
        client.start()
        stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
        client.upload(stream, bytes(150_000), end=False)
        assert client.response(stream).status == 413
        assert client.ask().data == b"hello"


def test_fields_of_the_servers_own_are_left_out(changed):
    with changed.connect() as client:
        response = client.start().ask()
        assert not response.values(b"server")
        assert not response.values(b"date")


def test_the_access_log_tells_the_version(changed):
    with changed.connect() as client:
        client.start().ask(f.request(b"/tag?logged"))
    line = changed.wait_for_line("/tag?logged")
    assert re.search(r'"GET /tag\?logged HTTP/2(\.0)?" 200 6', line), line


# Push ---------------------------------------------------------------------------------------------


def test_push(changed):
    with changed.connect() as client:
        client.start((f.ENABLE_PUSH, 1))
        assert client.ask(f.request(b"/push")).data == b"yes"
        [(stream, fields)] = client.promised.items()
        assert stream % 2 == 0
        assert dict(fields)[b":path"] == b"/tag?pushed"
        assert dict(fields)[b":authority"] == b"test"
        assert client.response(stream).data == b"pushed"


def test_push_to_a_client_that_does_not_want_it(changed):
    with changed.connect() as client:
        client.start((f.ENABLE_PUSH, 0))
        assert client.ask(f.request(b"/push")).data == b"no"
        client.sync()
        assert not client.promised


def test_a_client_that_refuses_what_is_pushed(changed):
    with changed.connect() as client:
        client.start((f.ENABLE_PUSH, 1))
        stream = client.get(b"/push")
        client.wait(lambda: client.promised)
        client.send(f.rst_stream(next(iter(client.promised))))
        assert client.response(stream).data == b"yes"
        assert client.ask().data == b"hello"


# Deadlines of the application ---------------------------------------------------------------------


def test_an_application_that_takes_too_long(serve):
    with serve("asyncio", "--limits-app-timeout", "0.5") as server, server.connect() as client:
        client.start()
        slow = client.get(b"/wait")
        assert client.ask().data == b"hello"
        assert client.response(slow).status == 504
        assert client.ask().data == b"hello"


def test_requests_that_wait_for_others(serve):
    args = ("--limits-concurrency", "1", "--limits-queue-timeout", "0.3")
    with serve("asyncio", *args) as server, server.connect() as client:
        client.start()
        first = client.get(b"/wait")
        server.wait_for_line("wait begun")
        second = client.response(client.get(b"/tag?second"))
        assert second.status == 503
        assert second.values(b"retry-after") == [b"1"]
        client.send(f.rst_stream(first))
        assert client.ask(f.request(b"/tag?third")).data == b"third"


# Negotiation --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("h2", "http/1.1"), "h2"),
        (("http/1.1", "h2"), "h2"),
        (("http/1.1",), "http/1.1"),
        (("h2",), "h2"),
    ],
    ids=str,
)
def test_alpn(server, offered, chosen):
    raw = connect(address_of(server.secure), PATIENCE)
    with trusting(*offered).wrap_socket(raw, server_hostname="localhost") as sock:
        assert sock.selected_alpn_protocol() == chosen


def test_a_client_of_nothing_that_is_spoken_is_refused_or_gets_http_1(server):
    raw = connect(address_of(server.secure), PATIENCE)
    try:
        sock = trusting("spdy/3").wrap_socket(raw, server_hostname="localhost")
    except (ssl.SSLError, ConnectionError):
        raw.close()
        return
    with sock:
        assert sock.selected_alpn_protocol() is None


def test_without_the_plugin_the_preface_is_not_understood(certificates):
    with probe("asyncio", certificates, "--no-plugin", "h2", required=()) as server:
        with connect(address_of(server.clear), PATIENCE) as sock:
            sock.sendall(f.PREFACE + f.settings())
            sock.shutdown(socket.SHUT_WR)
            received = b""
            while piece := sock.recv(65536):
                received += piece
        assert received.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))
