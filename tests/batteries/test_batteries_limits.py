"""Limits over real connections: who is let in, who waits, who is turned away."""

from __future__ import annotations

import socket

import httpx
import pytest

from nonecorn.testing.wire import connect
from tests.batteries.conftest import CLEAR, Serve


def test_a_client_over_its_rate_is_turned_away(serve: Serve, client: httpx.Client) -> None:
    server = serve('[[middleware]]\nuse = "limits"\nrate = "3/hour"\n')
    answers = [client.get(server.url) for _ in range(5)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
    assert answers[0].headers["ratelimit"] == '"default";r=2;t=1200'
    assert 1100 < int(answers[4].headers["retry-after"]) <= 1200


def test_keys_have_rates_of_their_own(serve: Serve, client: httpx.Client) -> None:
    server = serve('[[middleware]]\nuse = "limits"\nrate = "1/hour"\nkey = "x-api-key"\n')
    found = [
        client.get(server.url, headers={"x-api-key": key}).status_code for key in ("a", "b", "a")
    ]
    assert found == [200, 200, 429]


def held(address: tuple[str, int]) -> socket.socket:
    sock = connect(address, 20)
    sock.sendall(b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n")
    return sock


def test_requests_wait_and_are_turned_away_in_time(serve: Serve) -> None:
    server = serve(
        '[[middleware]]\nuse = "limits"\nconcurrency = 1\nqueue = 1\nqueue_timeout = "300ms"\n'
    )
    with httpx.Client(timeout=20, trust_env=False, verify=CLEAR) as client:
        first = held(server.address)
        # It holds the one place as soon as another finds none.
        while client.get(server.url).status_code == 200:
            pass
        refused = client.get(server.url)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        first.close()
        while client.get(server.url).status_code != 200:
            pass
        assert client.get(server.url).status_code == 200


def test_a_handshake_over_the_rate_is_denied(serve: Serve) -> None:
    sync = pytest.importorskip("websockets.sync.client")
    exceptions = pytest.importorskip("websockets.exceptions")
    server = serve('[[middleware]]\nuse = "limits"\nrate = "1/hour"\nconcurrency = 1\n')
    url = server.url.replace("http:", "ws:")
    with sync.connect(url, proxy=None):
        with pytest.raises(exceptions.InvalidStatus) as caught:
            sync.connect(url, proxy=None)
        assert caught.value.response.status_code == 429
    assert "Traceback" not in server.errors


def test_open_sockets_hold_no_places(serve: Serve) -> None:
    sync = pytest.importorskip("websockets.sync.client")
    server = serve('[[middleware]]\nuse = "limits"\nconcurrency = 1\nqueue = 0\n')
    url = server.url.replace("http:", "ws:")
    with sync.connect(url, proxy=None), sync.connect(url, proxy=None):
        assert httpx.get(server.url, trust_env=False, verify=CLEAR).status_code == 200
