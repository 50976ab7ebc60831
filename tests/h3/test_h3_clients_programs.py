"""Foreign programs on every worker: libcurl (ngtcp2, nghttp3), quic-go, and Chromium."""

from __future__ import annotations

import hashlib
import json
import re
import threading

import pycurl
import pytest

from tests.h3 import clients_chromium
from tests.h3.clients_curl import Curl, at_once
from tests.h3.clients_go import GoClient, pattern
from tests.h3.serving import WORKERS

BODY = pattern(2**20)
SHA256 = hashlib.sha256(BODY).hexdigest()


# libcurl ------------------------------------------------------------------------------------------


@pytest.fixture
def curl(server):
    with Curl(server.authority) as handle:
        yield handle


def test_curl_gets(curl, server):
    first, second = (curl.ask(f"{server.origin}/{path}") for path in ("", "tag?b"))
    assert (first.status, first.version, first.connects) == (200, "3", 1)
    assert first.body == b"hello"
    assert (second.status, second.version, second.connects) == (200, "3", 0)
    assert second.body == b"b"


def test_curl_finds_http3_by_alt_svc(server):
    with Curl(server.authority, version=pycurl.CURL_HTTP_VERSION_NONE) as handle:
        handle.follow_alternatives()
        handle.handle.setopt(pycurl.FRESH_CONNECT, 1)
        first, second = handle.ask(f"{server.origin}/"), handle.ask(f"{server.origin}/")
    assert re.fullmatch(rf'h3=":{server.port}"; ma=\d+', first.value("alt-svc"))
    assert (first.version, second.version) == ("2", "3")
    assert second.body == b"hello"


def test_http1_too_names_http3(server):
    with Curl(server.authority, version=pycurl.CURL_HTTP_VERSION_1_1) as handle:
        response = handle.ask(f"{server.origin}/")
    assert response.version == "1.1"
    assert f'h3=":{server.port}"' in response.value("alt-svc")


def test_curl_uploads_and_downloads_much(curl, server):
    up = curl.ask(f"{server.origin}/digest", method="POST", body=BODY)
    assert json.loads(up.body) == {"size": len(BODY), "sha256": SHA256}
    assert curl.ask(f"{server.origin}/download?{len(BODY)}").body == BODY
    assert curl.ask(f"{server.origin}/echo", method="POST", body=BODY).body == BODY


def test_curl_asks_a_hundred_times_at_once(server):
    found = at_once([f"{server.origin}/tag?{number}" for number in range(100)], server.authority)
    assert [each.body for each in found] == [b"%d" % number for number in range(100)]
    assert {each.version for each in found} == {"3"}
    assert sum(each.connects for each in found) == 1


def test_curl_head(curl, server):
    response = curl.ask(f"{server.origin}/", method="HEAD")
    assert (response.status, response.version, response.body) == (200, "3", b"")
    assert response.value("content-length") == "5"


@pytest.mark.parametrize("status", [204, 304])
def test_curl_gets_a_status_without_a_body(curl, server, status):
    response = curl.ask(f"{server.origin}/status?{status}")
    assert (response.status, response.body) == (status, b"")


def test_curl_sees_early_hints(curl, server):
    response = curl.ask(f"{server.origin}/hints")
    assert response.interim == [103, 103]
    assert response.links == ["</a.css>; rel=preload", "</b.js>; rel=preload"]
    assert response.body == b"hinted"


def test_curl_sees_trailers(curl, server):
    response = curl.ask(f"{server.origin}/trailers", fields=["TE: trailers"])
    assert response.body == b"body"
    assert response.value("x-sum") == "42"


def test_curl_reads_events_as_they_come(curl, server):
    first = threading.Event()
    got = []

    def ask():
        got.append(curl.ask(f"{server.origin}/events", on_data=lambda _: first.set()))

    thread = threading.Thread(target=ask)
    thread.start()
    assert first.wait(20)
    with Curl(server.authority) as other:
        other.ask(f"{server.origin}/release")
    thread.join(20)
    assert got[0].body == b"data: 1\n\ndata: 2\n\n"


@pytest.mark.parametrize("how", ["pathsend", "zerocopysend"])
def test_curl_gets_files(curl, server, how):
    assert curl.ask(f"{server.origin}/file?{how}").body == pattern(256 * 1024)


@pytest.fixture(scope="module", params=WORKERS)
def other(request, serve):
    """A server at two addresses, that takes early data."""
    binds = ["--bind", "127.0.0.1:0", "--bind", "[::1]:0"]
    with serve(request.param, *binds, "--h3-early-data") as server:
        yield server


def test_curl_over_ipv6(other):
    [origin] = {url for url in other.urls if "[::1]" in url}
    with Curl(other.authority) as handle:
        response = handle.ask(f"{origin}/")
    assert (response.version, response.body) == ("3", b"hello")


def test_go_sends_early_data_where_it_is_allowed(other, goclient):
    with GoClient(goclient, other.authority) as go:
        assert not go.ask(f"{other.origin}/", method="GET_0RTT").early
        go.close()
        response = go.ask(f"{other.origin}/", method="GET_0RTT")
        assert response.text == "hello"
        assert response.early


# quic-go ------------------------------------------------------------------------------------------


@pytest.fixture
def go(server, goclient):
    with GoClient(goclient, server.authority) as client:
        yield client


def test_go_gets(go, server):
    response = go.ask(f"{server.origin}/")
    assert (response.status, response.proto, response.text) == (200, "HTTP/3.0", "hello")
    assert response.length == 5


def test_go_uploads_and_downloads_much(go, server):
    up = go.ask(f"{server.origin}/digest", method="POST", size=len(BODY))
    assert json.loads(up.text) == {"size": len(BODY), "sha256": SHA256}
    down = go.ask(f"{server.origin}/download?{len(BODY)}")
    assert (down.size, down.sha256) == (len(BODY), SHA256)
    both = go.ask(f"{server.origin}/echo", method="POST", size=len(BODY))
    assert (both.size, both.sha256) == (len(BODY), SHA256)


def test_go_asks_a_hundred_times_at_once(go, server):
    found = go.ask_many(f"{server.origin}/tag?%d", 100)
    assert [each.text for each in found] == [str(number) for number in range(100)]


def test_go_downloads_ten_at_once(go, server):
    found = go.ask_many(f"{server.origin}/download?{len(BODY)}&%d".replace("&", "#"), 10)
    assert [each.sha256 for each in found] == [SHA256] * 10


def test_go_head(go, server):
    response = go.ask(f"{server.origin}/", method="HEAD")
    assert (response.status, response.length, response.size) == (200, 5, 0)


@pytest.mark.parametrize("status", [204, 304])
def test_go_gets_a_status_without_a_body(go, server, status):
    response = go.ask(f"{server.origin}/status?{status}")
    assert (response.status, response.size) == (status, 0)


def test_go_resumes_a_session(go, server):
    assert not go.ask(f"{server.origin}/").resumed
    go.close()
    assert go.ask(f"{server.origin}/").resumed


def test_go_survives_another_port(go, server):
    before = json.loads(go.ask(f"{server.origin}/whoami").text)
    for _ in range(3):
        go.rebind()
        after = json.loads(go.ask(f"{server.origin}/whoami").text)
        assert after["pid"] == before["pid"]
    assert after["client"] != before["client"]


def test_go_gives_up_and_goes_on(go, server):
    [given_up] = go.do(
        do="request", method="GET", url=f"{server.origin}/download?50000000", cancel=True
    )
    assert given_up.status == 200
    assert go.ask(f"{server.origin}/").text == "hello"


# Chromium -----------------------------------------------------------------------------------------


def test_chromium(server, chromium):
    text = clients_chromium.protocol(chromium, server.origin)
    tags = " ".join(str(number) for number in range(20))
    assert f"tags {tags}; sent 1048576; got 1048576; by h3 h3" in text
    assert "h2" not in text.partition("; by ")[2]
