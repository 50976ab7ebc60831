"""HAProxy, whose specification this is, in front of a real server."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import ExitStack, contextmanager

import pytest

from nonecorn.testing import ServeProcess
from nonecorn.testing.wire import connect
from tests.proxy_protocol.test_proxy_protocol_sockets import APP, REQUEST, facts

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(
    HAPROXY is None, reason="HAProxy is not installed (Debian's package haproxy)"
)

SENDERS = {
    "v1": "send-proxy",
    "v2": "send-proxy-v2",
    "v2 with extensions": "send-proxy-v2 proxy-v2-options crc32c,unique-id",
}


@contextmanager
def haproxy(path, listeners):
    """HAProxy on inherited sockets: `listeners` has the lines of each one's `listen` section."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in listeners]
    descriptors = [sock.fileno() for sock in sockets]
    lines = ["global", "  maxconn 64", "defaults", "  mode tcp", "  timeout connect 20s"]
    lines += ["  timeout client 20s", "  timeout server 20s"]
    for descriptor, section in zip(descriptors, listeners, strict=True):
        lines += [f"listen l{descriptor}", f"  bind fd@{descriptor}", *section]
    configuration = path / "haproxy.cfg"
    configuration.write_text("\n".join(lines) + "\n")
    command = [HAPROXY, "-db", "-f", str(configuration)]
    with ExitStack() as stack:
        for sock in sockets:
            stack.enter_context(sock)
        process = stack.enter_context(
            subprocess.Popen(command, pass_fds=descriptors, stderr=subprocess.PIPE)
        )
        try:
            # The sockets listen already: whoever connects waits for HAProxy in their queue.
            yield [sock.getsockname() for sock in sockets]
        finally:
            process.kill()
            process.stderr.read()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """On one worker: what HAProxy sends is read alike on all, as `test_proxy_protocol_sockets`
    shows of such headers.
    """
    path = tmp_path_factory.mktemp("served")
    (path / "app.py").write_text(APP)
    args = ("--lifespan", "off", "--proxy-protocol", "required")
    with ServeProcess("app:app", args, cwd=path) as running:
        yield running
    assert running.exit_code == 0


def test_every_header_that_haproxy_sends_is_understood(server, tmp_path):
    sections = [
        ["  unique-id-format %rt", f"  server s 127.0.0.1:{server.port} {option}"]
        for option in SENDERS.values()
    ]
    with haproxy(tmp_path, sections) as addresses:
        for name, address in zip(SENDERS, addresses, strict=True):
            with connect(address, 20) as sock:
                found = facts(sock, REQUEST)
                assert found["client"] == list(sock.getsockname()), name
                assert found["server"] == list(address), name


def test_its_health_checks_do_no_harm(server, tmp_path):
    line = f"  server s 127.0.0.1:{server.port} send-proxy-v2 check inter 10 fall 1 rise 1"
    with haproxy(tmp_path, [[line]]) as [address]:
        for _ in range(20):
            with connect(address, 20) as sock:
                assert facts(sock, REQUEST)["client"] == list(sock.getsockname())
    assert "Traceback" not in server.errors
