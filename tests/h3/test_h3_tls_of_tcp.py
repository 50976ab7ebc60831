"""One TLS configuration for TCP and QUIC: what it asks of keys and clients holds for all versions.

What QUIC's own handshake makes of it is proven in memory; here it is what a server was told.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pycurl
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.e2e.forked import ForkedServe
from tests.h3.clients_curl import Curl
from tests.supervisor.waiting import until

VERSIONS = {
    "1.1": pycurl.CURL_HTTP_VERSION_1_1,
    "2": pycurl.CURL_HTTP_VERSION_2TLS,
    "3": pycurl.CURL_HTTP_VERSION_3ONLY,
}
ROOT = Path(__file__).parents[2]
PASSWORD = "tea time"


def served(*arguments, **environment):
    """On one loop: TLS is settled above it."""
    loop = "asyncio" if sys.platform == "win32" else "uvloop"
    options = ["--app-dir", str(ROOT), "-k", loop, "-p", "h3", *arguments]
    return ForkedServe("tests.h3.probe3:app", options, cwd=ROOT, env=environment)


@pytest.fixture
def authority(tmp_path):
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


def put(directory, leaf):
    """Replace the server's files; its key is encrypted."""
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(PASSWORD.encode()),
    )
    for name, content in (("key", encrypted), ("chain", leaf.cert_chain_pems[0].bytes())):
        beside = directory / f"{name}.new"
        beside.write_bytes(content)
        beside.replace(directory / f"{name}.pem")


def ask(server, directory, version, leaf=None):
    """The response, and the serial number of the certificate that the server has shown."""
    with Curl(directory / "ca.pem", version=VERSIONS[version]) as curl:
        if leaf is not None:
            pem = directory / "client.pem"
            leaf.private_key_and_cert_chain_pem.write_to_path(pem)
            curl.handle.setopt(pycurl.SSLCERT, str(pem))
        curl.handle.setopt(pycurl.OPT_CERTINFO, 1)
        response = curl.ask(f"https://localhost:{server.port}/")
        assert (response.status, response.version) == (200, version)
        shown, *_ = curl.handle.getinfo(pycurl.INFO_CERTINFO)
        return response, dict(shown)["Serial Number"]


def test_encrypted_keys_verified_clients_and_renewal_are_the_same_for_all(authority, tmp_path):
    names = ("localhost", "127.0.0.1")
    put(tmp_path, authority.issue_cert(*names))
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    known, stranger = (ca.issue_cert("client.test") for ca in (authority, trustme.CA()))
    arguments = [
        "--certfile", str(tmp_path / "chain.pem"), "--keyfile", str(tmp_path / "key.pem"),
        "--keyfile-password-file", str(tmp_path / "password"),
        "--ca-certs", str(tmp_path / "ca.pem"), "--verify-mode", "required",
        "--tls-reload-interval", "0.2",
    ]  # fmt: skip
    with served(*arguments) as server:
        before = {ask(server, tmp_path, version, known)[1] for version in VERSIONS}
        assert len(before) == 1
        for version in VERSIONS:
            for leaf in (None, stranger):
                with pytest.raises(pycurl.error):
                    ask(server, tmp_path, version, leaf)
        put(tmp_path, authority.issue_cert(*names))
        for version in VERSIONS:
            until(
                lambda version=version: ask(server, tmp_path, version, known)[1] not in before,
                f"renewed certificate over HTTP/{version}",
            )
    assert server.exit_code == 0
    assert "Traceback" not in server.errors


def test_a_development_certificate_serves_all_versions_on_one_port(tmp_path):
    with served("--dev-tls", XDG_DATA_HOME=str(tmp_path)) as server:
        directory = tmp_path / "nonecorn" / "dev-tls"
        found = {version: ask(server, directory, version) for version in VERSIONS}
        assert len({serial for _, serial in found.values()}) == 1
        for version in ("1.1", "2"):
            response, _ = found[version]
            assert f'h3=":{server.port}"' in response.value("alt-svc")
    assert server.exit_code == 0
