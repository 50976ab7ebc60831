"""`serve --dev-tls` as a process, and a client that trusts its CA."""

from __future__ import annotations

import ssl
import subprocess
import sys

import pytest

from nonecorn.testing import ServeExitedError, ServeProcess
from nonecorn.testing.wire import connect

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "nonecorn" / "dev-tls"


def serve(*args: str) -> ServeProcess:
    return ServeProcess("app.py", ["--lifespan", "off", "--dev-tls", *args])


def test_a_client_that_trusts_the_ca_is_served_and_an_address_without_tls_may_stand_beside(data):
    with serve("--bind", "127.0.0.1:0", "--insecure-bind", "127.0.0.1:0") as server:
        assert [url.partition(":")[0] for url in server.urls] == ["https", "http"]
        client = ssl.create_default_context(cafile=data / "ca.pem")
        for host in ("localhost", "127.0.0.1"):
            with client.wrap_socket(connect(server.address, 20), server_hostname=host) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"https")
        assert "run 'nonecorn dev-tls trust'" in server.errors


def test_the_hint_ends_when_the_ca_is_trusted(data, monkeypatch):
    with serve():
        pass
    monkeypatch.setenv("SSL_CERT_FILE", str(data / "ca.pem"))
    with serve() as server:
        pass
    assert "dev-tls trust" not in server.errors


def test_without_the_flag_nothing_is_made(data):
    with ServeProcess("app.py", ["--lifespan", "off"]) as server:
        assert server.urls[0].startswith("http://")
    assert not data.exists()


def test_without_the_plugin_it_is_told_what_to_do(data):
    with pytest.raises(ServeExitedError) as caught:
        serve("--no-plugin", "dev_tls").start()
    assert caught.value.exit_code == 2
    assert "dev_tls (flag --dev-tls): no plugin made a certificate" in caught.value.errors
    assert "drop --no-plugin dev_tls" in caught.value.errors


def test_where_the_certificate_comes_from_is_shown(data):
    command = [sys.executable, "-m", "nonecorn", "config", "show", "--origin", "--dev-tls"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    (line,) = [line for line in shown.splitlines() if line.startswith("certfile")]
    assert line.endswith("# plugin dev_tls")
    assert str(data / "server.pem") in line


def test_a_certificate_that_was_taken_away_is_a_contradiction(data, monkeypatch):
    monkeypatch.setenv("NONECORN_CERTFILE", "")
    command = [sys.executable, "-m", "nonecorn", "config", "check", "--dev-tls"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert "certfile is empty by environment NONECORN_CERTFILE" in run.stderr
