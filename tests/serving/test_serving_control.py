"""`nonecorn.run` for a program that looks after the server itself."""

import queue
import signal
import socket
import ssl
import threading

import pytest
import trustme

import nonecorn
from nonecorn.spi import ConfigError
from nonecorn.testing.apps import LifespanRecorder, hello
from tests.serving.loops import LOOPS

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


class Served:
    """A server in a thread, on a socket of the test's, and what controls it."""

    def __init__(self, app=hello, **settings):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = self.listening.getsockname()
        self.found = queue.Queue()
        self.code = None
        self.thread = threading.Thread(target=self._run, args=[app], kwargs=settings)
        self.thread.start()
        self.runtime, self.server = self.found.get(timeout=20)

    def _run(self, app, **settings):
        bind = f"fd://{self.listening.detach()}"
        self.code = nonecorn.run(
            app, control=lambda *found: self.found.put(found), bind=bind, **settings
        )

    def connect(self):
        return socket.create_connection(self.address, timeout=20)

    def say(self, function):
        self.runtime.call_from_thread(function)

    def end(self):
        self.thread.join(20)
        return self.code


def ask(sock):
    sock.sendall(GET)
    answer = b""
    while not answer.endswith(b"Hello, world!"):
        answer += sock.recv(1000)
    return answer


@pytest.mark.parametrize("worker", LOOPS)
def test_it_is_told_to_stop_on_the_loop(worker):
    app = LifespanRecorder()
    served = Served(app, worker=worker)
    assert served.runtime.name == worker
    served.say(served.server.stop)
    assert served.end() == 0


def test_signals_stay_the_programs():
    caught = []
    before = signal.signal(signal.SIGTERM, lambda *_: caught.append("program"))

    def control(runtime, server):
        signal.raise_signal(signal.SIGTERM)
        server.stop()

    try:
        assert nonecorn.run(hello, bind="127.0.0.1:0", control=control) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught == ["program"]


@pytest.mark.parametrize("worker", LOOPS)
def test_one_that_retires_alone_serves_those_who_come_until_nobody_is_left(worker):
    served = Served(worker=worker)
    with served.connect() as idle:
        assert b"close" not in ask(idle).lower()
        served.say(lambda: served.server.retire(alone=True))
        # New clients are served; when they are told to come no more, it has begun to retire.
        while True:
            with served.connect() as sock:
                if b"connection: close" in ask(sock).lower():
                    break
        with served.connect() as sock:
            assert b"connection: close" in ask(sock).lower()
        assert b"connection: close" in ask(idle).lower()
    assert served.end() == 0
    with pytest.raises(ConnectionRefusedError):
        served.connect()


def test_one_that_retires_has_patience_with_idle_connections_for_so_long():
    served = Served(limits={"keep_alive_timeout": 60}, graceful_timeout=60)
    with served.connect() as idle:
        ask(idle)
        served.say(lambda: served.server.retire(patience=0.1))
        assert idle.recv(1000) == b""
    assert served.end() == 0


def test_workers_are_controlled_by_their_supervisor():
    with pytest.raises(ConfigError, match="workers = 0"):
        nonecorn.run("module:app", control=lambda *_: None, workers=2)


def test_contexts_are_adjusted_before_they_are_used(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "cert.pem")
    seen = []

    def adjust(context):
        seen.append(context)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    served = Served(certfile=str(tmp_path / "cert.pem"), tls_context=adjust)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    with client.wrap_socket(served.connect(), server_hostname="localhost") as sock:
        assert sock.version() == "TLSv1.2"
    served.say(served.server.stop)
    assert served.end() == 0
    assert len(seen) == 1
