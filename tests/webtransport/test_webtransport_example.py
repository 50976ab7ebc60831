"""The example, as its README tells to serve it, with aioquic and in Chromium."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from websockets.sync.client import connect

from nonecorn.testing import ServeProcess
from nonecorn.testing.address import address_of
from tests.h3.clients_aioquic import request
from tests.h3.clients_chromium import find, fingerprint
from tests.webtransport.browser import certificate_hash
from tests.webtransport.client import SessionClient

WORKERS = ["asyncio", "uvloop", "trio"]
ROUND = """
(async () => {
  const end = Date.now() + 20000;
  const until = async (condition) => {
    while (!condition() && Date.now() < end) await new Promise((done) => setTimeout(done, 20));
  };
  const said = () => [...document.querySelectorAll("li")].map((line) => line.textContent);
  await until(() => window.actions);
  for (const name of ["stream", "one-way", "datagram"]) await window.actions[name]("spoken");
  await until(() => said().length == 4);
  await window.actions.close("enough");
  await until(() => said().length == 5);
  return said();
})()
"""


def evaluate(url: str, script: str, profile: Path, certificate: Path) -> Any:
    """What a script returns on a page in Chromium, asked over its debugging port."""
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        "--disable-sync", "--remote-debugging-port=0", f"--user-data-dir={profile}",
        f"--ignore-certificate-errors-spki-list={fingerprint(certificate)}",
    ]  # fmt: skip
    process = subprocess.Popen(
        [find(), *flags, "about:blank"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(profile)},
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        found = (re.search(r"DevTools listening on ws://([^/]+)/", line) for line in process.stderr)
        address = next(match[1] for match in found if match)
        pages = httpx.get(f"http://{address}/json", trust_env=False).json()
        [page] = [each for each in pages if each["type"] == "page"]
        with connect(page["webSocketDebuggerUrl"], proxy=None) as socket:

            def ask(number: int, method: str, **fields: Any) -> None:
                socket.send(json.dumps({"id": number, "method": method, "params": fields}))

            def hear(number: int) -> Any:
                while (told := json.loads(socket.recv(timeout=40))).get("id") != number:
                    pass
                return told

            # Answered when the page has taken the place of the one before.
            ask(1, "Page.navigate", url=url)
            hear(1)
            ask(2, "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
            answer = hear(2)
        return answer["result"]["result"].get("value", answer)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()


@pytest.fixture(params=WORKERS)
def example(request, tmp_path):
    if request.param == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    environment = {"XDG_DATA_HOME": str(tmp_path / "data")}
    arguments = ["-k", request.param, "-p", "h3", "--dev-tls", "--access-log", "-"]
    server = ServeProcess("examples/webtransport/app.py", arguments, env=environment)
    with server:
        server.certificate = tmp_path / "data" / "nonecorn" / "dev-tls" / "server.pem"
        yield server
    assert server.exit_code == 0, server.errors
    assert "Traceback" not in server.errors, server.errors


def test_the_page_names_its_certificate_and_pages_of_others_are_refused(example):
    authority = example.certificate.with_name("ca.pem")
    with SessionClient(address_of(example.urls[0]), authority) as client:
        page = client.ask(request()).data.decode()
        assert f'"{certificate_hash(example.certificate)}"' in page
        own = client.session(b"/", (b"origin", b"https://localhost"))
        other = client.session(b"/", (b"origin", b"https://evil.example"))
        assert [own.response.status, other.response.status] == [200, 403]
        stream = own.open(b"to be given up")
        client.wait(lambda: client.data.get(stream))
        client.quic.reset_stream(stream, 0x52E4A40FA8DB + 5)
        client.flush()
        response = client.streams.setdefault(stream, type(own.response)())
        client.wait(lambda: response.reset is not None)
        assert response.reset == 0x52E4A40FA8DB + 5
        own.close()


def test_the_page_in_a_browser(example, tmp_path):
    said = evaluate(example.urls[0], ROUND, tmp_path / "profile", example.certificate)
    assert said[0] == "the session is open"
    assert said[4] == "the session is closed (7 enough)"
    assert sorted(said[1:4]) == [
        "a datagram: spoken", "from the server: 6 bytes came", "on the stream: spoken",
    ]  # fmt: skip


def test_its_certificate_may_be_named_by_its_hash(example):
    certificate = x509.load_pem_x509_certificate(example.certificate.read_bytes())
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lasts.days <= 14
