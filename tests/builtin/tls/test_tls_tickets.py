"""Sessions that go on in another process: here, with another `ServerTLS` of the same secret."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nonecorn.builtin.tls import tickets
from nonecorn.builtin.tls.server import ServerTLS
from nonecorn.builtin.tls.tickets import Tickets, UnavailableError
from tests.builtin.tls.conftest import HOST, Certificates, Client

SECRET = bytes(range(32))

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="nothing finds OpenSSL's functions there"
)


@pytest.fixture(params=["TLSv1_2", "TLSv1_3"])
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    return ssl.TLSVersion[request.param]


@pytest.fixture
def context(certificates: Certificates, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client's."""
    context = certificates.client_context()
    context.minimum_version = context.maximum_version = version
    certificates.user.configure_cert(context)
    return context


def server(certificates: Certificates, secret: bytes = SECRET, **settings: Any) -> ServerTLS:
    tls = ServerTLS(certificates.settings(**settings), [])
    tls.share_tickets(secret)
    return tls


def begin(context: ssl.SSLContext, tls: ServerTLS) -> ssl.SSLSession:
    client = Client(context, tls)
    client.handshake()
    session = client.tls.session
    assert session is not None
    return session


def resumed(context: ssl.SSLContext, tls: ServerTLS, session: ssl.SSLSession, **more: Any) -> bool:
    client = Client(context, tls, session=session, **more)
    client.handshake()
    client.send(b"still here")
    assert client.server.data == b"still here"
    return bool(client.tls.session_reused)


def test_whoever_has_the_secret_takes_the_session(certificates, context):
    session = begin(context, server(certificates))
    assert resumed(context, server(certificates), session)


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_client_stays_who_it_was(certificates, context, mode):
    settings = {"ca_certs": certificates.ca_certs, "verify_mode": mode}
    session = begin(context, server(certificates, **settings))
    client = Client(context, server(certificates, **settings), session=session)
    client.handshake()
    assert client.tls.session_reused
    tls = client.server.port.tls
    assert tls is not None
    assert "CN=Doe" in tls.extension["client_cert_name"]


def test_whoever_has_another_one_does_not(certificates, context):
    session = begin(context, server(certificates))
    assert not resumed(context, server(certificates, os.urandom(32)), session)


def test_sessions_do_not_get_around_other_rules_for_clients(certificates, context, tmp_path):
    loose = server(certificates)
    first = {"ca_certs": certificates.ca_certs, "verify_mode": "required"}
    more = tmp_path / "more.pem"
    more.write_bytes(Path(certificates.ca_certs).read_bytes() + b"\n# and another\n")
    session = begin(context, loose)
    assert not resumed(context, server(certificates, **first), session)
    session = begin(context, server(certificates, **first))
    assert not resumed(context, server(certificates, **{**first, "ca_certs": str(more)}), session)


def test_sessions_of_one_host_are_not_anothers(certificates, context):
    other = certificates.write_pair("other", "other.example")
    settings = {"sni_certificate": (f"{other}.pem:other.key",)}
    session = begin(context, server(certificates, **settings))
    assert not resumed(context, server(certificates, **settings), session, host="other.example")
    assert resumed(context, server(certificates, **settings), session)


def test_a_renewed_certificate_for_the_same_hosts_changes_nothing(certificates, context):
    renewed = certificates.write_pair("renewed", HOST)
    session = begin(context, server(certificates))
    tls = server(certificates, certfile=f"{renewed}.pem", keyfile=f"{renewed}.key")
    assert resumed(context, tls, session)


def test_files_that_change_keep_the_secret(certificates, context, tmp_path):
    leaf = certificates.ca.issue_cert(HOST)
    pem = tmp_path / "server.pem"
    leaf.private_key_and_cert_chain_pem.write_to_path(pem)
    tls = server(certificates, certfile=str(pem), keyfile=None)
    session = begin(context, tls)
    pem.unlink()
    certificates.ca.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(pem)
    assert tls.refresh()
    assert resumed(context, tls, session)


def test_another_secret_is_used_from_then_on(certificates, context):
    tls = server(certificates)
    session = begin(context, tls)
    tls.share_tickets(os.urandom(32))
    assert not resumed(context, tls, session)
    assert resumed(context, tls, begin(context, tls))


# Where it cannot be done --------------------------------------------------------------------------


class Strange:
    """OpenSSL's functions, one of them in another way."""

    def __init__(self, **changed: Any) -> None:
        found = tickets._openssl()
        for name in ("SSL_CTX_ctrl", "CRYPTO_get_ex_new_index", "CRYPTO_free_ex_index"):
            setattr(self, name, changed.get(name, getattr(found, name)))


def no_library() -> Any:
    raise OSError("no such library")


def no_symbol() -> Any:
    return SimpleNamespace()


def another_library() -> Any:
    """One that `ssl` does not use: it never hears of the context that is made."""
    return Strange(CRYPTO_get_ex_new_index=ctypes.CFUNCTYPE(ctypes.c_int)(lambda *_: -1))


def other_keys() -> Any:
    return Strange(SSL_CTX_ctrl=ctypes.CFUNCTYPE(ctypes.c_long)(lambda *_: 64))


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (no_library, "OpenSSL's functions cannot be called: no such library"),
        (no_symbol, "OpenSSL's functions cannot be called: .* 'SSL_CTX_ctrl'"),
        (another_library, "laid out in another way"),
        (other_keys, "ticket keys of 64 bytes"),
    ],
)
def test_what_is_not_proven_is_not_touched(library, reason):
    with pytest.raises(UnavailableError, match=reason):
        Tickets(library)


@pytest.mark.parametrize(
    ("words", "reason"),
    [(-1, "another way"), (1, "another way"), (2, "another way"), (99, "smaller")],
)
def test_a_context_of_another_layout_is_noticed(words, reason):
    offset = object.__basicsize__ + words * ctypes.sizeof(ctypes.c_void_p)
    with pytest.raises(UnavailableError, match=reason):
        Tickets(offset=offset)


def test_this_python_is_known():
    assert repr(Tickets()) == "<Tickets with keys of 80 bytes>"


@pytest.fixture
def no_openssl(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(name: str | None) -> Any:
        raise OSError(f"{name}: no such library")

    tickets.tickets.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(ctypes, "CDLL", refuse)
        yield
    tickets.tickets.cache_clear()


@pytest.mark.usefixtures("no_openssl")
def test_sessions_stay_where_they_began_and_the_log_says_why(certificates, context, caplog):
    caplog.set_level(logging.DEBUG, "nonecorn.error")
    tls = server(certificates)
    [message] = caplog.messages
    assert message.startswith("TLS session tickets stay with this worker: OpenSSL's functions")
    assert message.endswith("no such library")
    session = begin(context, tls)
    assert resumed(context, tls, session)
    assert not resumed(context, server(certificates), session)


def test_contexts_come_and_go(certificates, context):
    for _ in range(50):
        begin(context, server(certificates))
    gc.collect()
    assert resumed(context, server(certificates), begin(context, server(certificates)))
