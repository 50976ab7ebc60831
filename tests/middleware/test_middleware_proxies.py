"""Behind a proxy, and not behind one: scopes, logs, redirects, and the order of layers."""

from __future__ import annotations

import json
import subprocess

import httpx
import pytest
import trustme
from websockets.sync.client import connect

from nonecorn.testing import raw_exchange, read_responses
from nonecorn.testing.wire import connect as connect_raw
from tests.middleware.conftest import CLEAR, get

FIX = '[[middleware]]\nuse = "proxy_fix"\ntrusted = ["127.0.0.1"]\n'
REDIRECT = '[[middleware]]\nuse = "https_redirect"\nhosts = ["127.0.0.1", "shop.example"]\n'
LOG = 'access_log = "-"\naccess_log_format = "log %(h)s %(S)s %(s)s %(U)s"\n'
FORWARDED = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}


@pytest.fixture(scope="module")
def server(serve, worker):
    with serve(worker, LOG + FIX, app="plain:site") as running:
        yield running


def test_application_and_log_see_the_client(server):
    found = get(f"{server.url}/seen", headers=FORWARDED).json()
    assert (found["client"], found["scheme"]) == (["192.0.2.7", 0], "https")
    assert server.wait_for_line("/seen") == "log 192.0.2.7 https 200 /seen\n"


def test_of_sockets_too(server):
    url = f"{server.url.replace('http', 'ws', 1)}/socket"
    with connect(url, additional_headers=FORWARDED) as socket:
        found = json.loads(socket.recv())
    assert (found["client"], found["scheme"]) == (["192.0.2.7", 0], "wss")
    assert server.wait_for_line("/socket") == "log 192.0.2.7 wss 101 /socket\n"


def test_without_the_header_all_is_as_it_was(server):
    found = get(f"{server.url}/direct").json()
    assert (found["client"][0], found["scheme"]) == ("127.0.0.1", "http")
    assert server.wait_for_line("/direct") == "log 127.0.0.1 http 200 /direct\n"


def test_requests_share_no_correction(server):
    """On one connection, one after the other."""
    with httpx.Client(base_url=server.url, verify=CLEAR) as client:
        for address in ("192.0.2.1", None, "192.0.2.2"):
            headers = {} if address is None else {"x-forwarded-for": address}
            found = client.get("/next", headers=headers).json()
            assert found["client"][0] == (address or "127.0.0.1")


def test_others_are_not_believed_and_their_headers_are_gone(serve, worker):
    fix = FIX.replace("127.0.0.1", "192.0.2.0/24")
    with serve(worker, LOG + fix, app="plain:site") as server:
        found = get(f"{server.url}/x", headers=FORWARDED).json()
        assert (found["client"][0], found["scheme"]) == ("127.0.0.1", "http")
        assert not [name for name, _ in found["headers"] if name.startswith("x-forwarded")]
        assert server.wait_for_line("/x") == "log 127.0.0.1 http 200 /x\n"


def test_nothing_is_believed_where_nothing_is_configured(serve, worker):
    with serve(worker, LOG, app="plain:site") as server:
        found = get(f"{server.url}/x", headers=FORWARDED).json()
        assert (found["client"][0], found["scheme"]) == ("127.0.0.1", "http")
        assert ["x-forwarded-for", "192.0.2.7"] in found["headers"]


def test_a_unix_socket_is_believed_where_that_is_said(serve, worker, tmp_path):
    bind = f'bind = "unix:{tmp_path}/s"\n'
    fix = FIX.replace("127.0.0.1", "unix")
    toml = f'{bind}{LOG}{fix}mode = "modern"\n'
    with serve(worker, toml, app="plain:site"):
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=f"{tmp_path}/s", verify=CLEAR)
        ) as client:
            forwarded = {"forwarded": 'for="[2001:db8::7]:99";proto=https'}
            found = client.get("http://test/x", headers=forwarded).json()
        assert (found["client"], found["scheme"]) == (["2001:db8::7", 99], "https")


def test_a_prefix_that_a_proxy_takes_off_is_where_mounts_are(serve):
    """On one loop: it is about what a scope says."""
    fix = f'{FIX}fields = ["host", "prefix"]\n'
    mounts = 'mounts = [{path = "/st", app = "frameworks:starlette"}]\n'
    with serve("asyncio", f'{fix}[[middleware]]\nuse = "dispatcher"\n{mounts}') as server:
        headers = {"x-forwarded-host": "shop.example", "x-forwarded-prefix": "/pre"}
        found = get(f"{server.url}/st/hello/x", headers=headers).json()
    assert found["root"] == "/pre/st"
    assert found["url"] == "http://shop.example/pre/st/hello/x"
    assert found["page"] == "http://shop.example/pre/st/hello/you"


# Order


def test_layers_act_in_the_order_configured(serve, worker):
    """One that knows of TLS from a proxy has to hear of it first."""
    with serve(worker, FIX + REDIRECT, app="plain:site") as server:
        assert get(server.url, headers=FORWARDED).status_code == 200
        assert get(server.url).status_code == 307
    with serve(worker, REDIRECT + FIX, app="plain:site") as server:
        assert get(server.url, headers=FORWARDED).status_code == 307


def test_flags_may_have_options(serve, worker):
    flags = ['{use = "proxy_fix", trusted = ["127.0.0.1"]}', '{use="https_redirect",hosts=["*"]}']
    args = [word for flag in flags for word in ("--middleware", flag)]
    with serve(worker, "", *args, app="plain:site") as server:
        assert get(server.url, headers=FORWARDED).json()["client"] == ["192.0.2.7", 0]
        assert get(server.url).status_code == 307


# Redirects


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(path / "ca.pem")
    authority.issue_cert("shop.example").private_key_and_cert_chain_pem.write_to_path(
        path / "shop.pem"
    )
    return path


@pytest.fixture(scope="module")
def shop(serve, worker, certificates):
    toml = (
        f'bind = "127.0.0.1:0"\ninsecure_bind = "127.0.0.1:0"\n'
        f'certfile = "{certificates / "shop.pem"}"\n'
        f'{REDIRECT}hsts_max_age = "8760h"\nhsts_include_subdomains = true\n'
    )
    with serve(worker, toml, app="plain:site") as running:
        running.secure, running.clear = (url.rpartition(":")[2] for url in running.urls)
        yield running


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_follows_to_tls_and_is_told_to_stay(shop, curl, certificates, version):
    command = [
        curl, "-sS", "-i", "-L", version, "-m", "20", "--cacert", certificates / "ca.pem",
        "--connect-to", f"shop.example:80:127.0.0.1:{shop.clear}",
        "--connect-to", f"shop.example:443:127.0.0.1:{shop.secure}",
        "-d", "body", "http://shop.example/a%20b//c?x=1&y=%2F",
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, timeout=30, check=True, text=True).stdout
    redirect, _, rest = found.partition("\n\n")
    assert redirect.startswith("HTTP/1.1 307")
    lines = redirect.lower().splitlines()
    assert "location: https://shop.example/a%20b//c?x=1&y=%2f" in lines
    assert "strict-transport-security" not in redirect
    assert "strict-transport-security: max-age=31536000; includeSubDomains" in rest
    found = json.loads(rest[rest.index("{") :])
    assert (found["scheme"], found["raw"]) == ("https", "/a%20b//c")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"evil.example", 421),
        (b"shop.example.evil.example", 421),
        (b"shop.example@evil.example", 400),
    ],
)
def test_nobody_is_sent_elsewhere(shop, host, status):
    request = b"GET //evil.example/ HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % host
    [response] = read_responses(raw_exchange(("127.0.0.1", int(shop.clear)), request).data)
    assert response.status == status
    assert b"location" not in dict(response.headers)


@pytest.mark.parametrize(
    ("target", "host", "answer"),
    [
        # RFC 9112 section 3.2.2: what stands in the target is meant, whatever Host says.
        ("http://shop.example/a", "evil.example", (307, [b"https://shop.example/a"])),
        ("http://shop.example:8080?b", "evil.example", (307, [b"https://shop.example/?b"])),
        ("http://evil.example/a", "shop.example", (421, [])),
        ("http://shop.example@evil.example/", "shop.example", (400, [])),
        ("http://evil.example\\@shop.example/", "shop.example", (400, [])),
        ("/\\evil.example", "shop.example", (307, [b"https://shop.example/%5Cevil.example"])),
    ],
)
def test_a_target_leads_nowhere_else(shop, target, host, answer):
    request = f"GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode()
    [response] = read_responses(raw_exchange(("127.0.0.1", int(shop.clear)), request).data)
    assert (response.status, response.values(b"location")) == answer


def test_certificate_authorities_are_let_in(shop):
    url = f"http://127.0.0.1:{shop.clear}/.well-known/acme-challenge/token"
    response = get(url)
    assert response.status_code == 200
    assert "strict-transport-security" not in response.headers


def test_sockets_are_sent_to_tls(shop):
    handshake = (
        b"GET /chat?a=1 HTTP/1.1\r\nhost: shop.example\r\nconnection: upgrade\r\n"
        b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    answer = b""
    with connect_raw(("127.0.0.1", int(shop.clear)), 10) as sock:
        sock.sendall(handshake)
        while b"\r\n\r\n" not in answer:
            answer += sock.recv(65536)
    [response] = read_responses(answer)
    assert response.status == 307
    assert response.values(b"location") == [b"wss://shop.example/chat?a=1"]
