"""The end of a server, all of it in its order, on each kind of event loop."""

from __future__ import annotations

import contextlib
import sys

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.conftest import probe
from tests.e2e.raw import ask, get, responses
from tests.health.probing import says

UPLOAD = b"POST /digest HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab"


@pytest.mark.skipif(sys.platform == "win32", reason="watched through a unix socket")
def test_the_steps_of_a_drain_come_one_after_the_other(worker, tmp_path):
    health = str(tmp_path / "health")
    args = ["--graceful-timeout", "600", "--health-bind", f"unix:{health}"]
    with (
        probe(worker, "h11", *args, clean=False) as server,
        contextlib.ExitStack() as stack,
    ):
        idle, upload, events, stuck = (
            stack.enter_context(connect(server.address, 20)) for _ in range(4)
        )
        ask(idle, get())
        for sock, request, line in (
            (upload, UPLOAD, "digest begun"),
            (events, get("/events"), "events begun"),
            (stuck, get("/stuck"), "stuck begun"),
        ):
            sock.sendall(request)
            server.wait_for_line(line)
        assert says(health) == (200, "ready\n")
        server.terminate()
        # Nobody else is let in; who is idle has to go, and who would stay for ever is told.
        assert idle.recv(1) == b""
        assert says(health) == (503, "not ready: draining\n")
        with pytest.raises(ConnectionRefusedError):
            connect(server.address)
        [response] = responses(events)
        assert response.body == b"data: 1\n\ndata: bye\n\n"
        # Requests are finished.
        upload.sendall(b"cd")
        [response] = responses(upload)
        assert (response.status, response.values(b"connection")) == (200, [b"close"])
        assert upload.recv(1) == b""
        # Those that are not in time are cancelled, and the application ends last.
        assert server.exit_code is None
        server.wait_for_line("events told")
        assert server.output.endswith("stuck begun\nevents told\n")
        server.terminate()
        assert responses(stuck)[0].status == 503
        assert server.wait() == 1
    assert server.output.endswith("events told\nstuck cancelled\nlifespan shutdown\n")
    assert "Traceback" not in server.errors


def test_drain_cancel_ends_event_streams_whole_and_at_once(worker):
    args = ["--graceful-timeout", "600", "--drain", "cancel"]
    with probe(worker, "h11", *args) as server, connect(server.address, 20) as sock:
        sock.sendall(get("/events"))
        server.wait_for_line("events begun")
        server.terminate()
        [response] = responses(sock)
        assert response.body == b"data: 1\n\n"
        assert response.delimited
        assert server.wait() == 0
    assert "events told" not in server.output
