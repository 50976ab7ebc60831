"""The example, as its README tells to serve it, with aioquic and in Chromium."""

import sys

import pytest
from cryptography import x509

from nonecorn.testing import ServeProcess
from nonecorn.testing.address import address_of
from tests.e2e.chromium import Chromium, trusting
from tests.h3.clients_aioquic import request
from tests.h3.serving import WORKERS
from tests.webtransport.browser import certificate_hash
from tests.webtransport.client import SessionClient

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


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Where the servers, one after the other, find the certificate that the first has made."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module", params=WORKERS)
def example(request, data):
    if request.param == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    arguments = ["-k", request.param, "-p", "h3", "--dev-tls", "--access-log", "-"]
    environment = {"XDG_DATA_HOME": str(data)}
    server = ServeProcess("examples/webtransport/app.py", arguments, env=environment)
    with server:
        server.certificate = data / "nonecorn" / "dev-tls" / "server.pem"
        yield server
    assert server.exit_code == 0, server.errors
    assert "Traceback" not in server.errors, server.errors


@pytest.fixture(scope="module")
def browser(example, data, tmp_path_factory):
    """It has been told to trust the certificate, as a person would tell it."""
    with Chromium(tmp_path_factory.mktemp("browser"), trusting(example.certificate)) as started:
        yield started


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


def test_the_page_in_a_browser(example, browser):
    with browser.page() as page:
        page.go(example.urls[0])
        said = page.run(ROUND)
    assert said[0] == "the session is open"
    assert said[4] == "the session is closed (7 enough)"
    assert sorted(said[1:4]) == [
        "a datagram: spoken", "from the server: 6 bytes came", "on the stream: spoken",
    ]  # fmt: skip


def test_its_certificate_may_be_named_by_its_hash(example):
    certificate = x509.load_pem_x509_certificate(example.certificate.read_bytes())
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lasts.days <= 14
