"""`wsgi.file_wrapper` ends in the kernel's `sendfile`, and needs no thread meanwhile."""

from __future__ import annotations

import os

import httpx
import pytest

import nonecorn_asyncio._port
from nonecorn.testing.wire import connect
from tests.wsgi.wsgiprobe import TEXT

pytestmark = pytest.mark.skipif(not hasattr(os, "sendfile"), reason="the system has none")

SIZE = 48 * 2**20
"""Half of it is more than sockets hold."""


@pytest.fixture
def sent(monkeypatch):
    """What the kernel was given to send, in bytes, in order."""
    counts = []
    real = os.sendfile

    def counting(*arguments):
        count = real(*arguments)
        counts.append(count)
        return count

    monkeypatch.setattr(os, "sendfile", counting)
    monkeypatch.setattr(nonecorn_asyncio._port, "_SENDFILE", counting)
    return counts


def test_a_file_is_sent_by_the_kernel_and_its_thread_is_free_meanwhile(serve, sent, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(SIZE)
    closed = []

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/other":
            start_response("200 OK", TEXT)
            return [b"%d" % len(closed)]
        file = path.open("rb")
        file.seek(SIZE // 2)
        inner = file.close
        start_response("200 OK", TEXT)
        wrapper = environ["wsgi.file_wrapper"](file)
        wrapper.close = lambda: (inner(), closed.append(True))
        return wrapper

    server = serve(app, wsgi={"threads": 1})
    with connect(server.address, 20) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        data = slow.recv(100)
        assert data.startswith(b"HTTP/1.1 200 ")
        # The one thread has handed the file over.
        assert httpx.get(f"{server.url}/other", trust_env=False).text == "0"
        while received := slow.recv(2**20):
            data += received
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"content-length: %d" % (SIZE // 2) in head.lower()
    assert (len(body), sum(sent)) == (SIZE // 2, SIZE // 2)
    while httpx.get(f"{server.url}/other", trust_env=False).text != "1":
        pass  # the test's time limit ends a wait for a `close()` that never comes
