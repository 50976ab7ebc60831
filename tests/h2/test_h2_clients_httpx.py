"""httpx as a client, which speaks HTTP/2 by python-hyper's own engine."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from tests.h2.conftest import trusting

BODY = bytes(range(256)) * 8192


@pytest.fixture(params=["secure", "clear"])
def client(request, server):
    more = {"verify": trusting()} if request.param == "secure" else {"http1": False}
    with httpx.Client(
        base_url=getattr(server, request.param), http2=True, timeout=20, trust_env=False, **more
    ) as made:
        yield made


def test_a_page(client):
    response = client.get("/")
    assert (response.text, response.http_version) == ("hello", "HTTP/2")
    assert "date" in response.headers
    assert "connection" not in response.headers


def test_much_up_and_down(client):
    found = client.post("/digest", content=BODY).json()
    assert found == {"size": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()}
    assert client.get(f"/download?{len(BODY)}").content == BODY


def test_a_body_in_pieces(client):
    pieces = (BODY[at : at + 999] for at in range(0, 99900, 999))
    assert client.post("/echo", content=pieces).content == BODY[:99900]


def test_the_scope(client):
    scope = client.get("/scope?a=1", headers={"x-name": "value"}).json()
    assert scope["http_version"] == "2"
    assert scope["scheme"] == client.base_url.scheme
    assert scope["query_string"] == "b'a=1'"
    assert scope["headers"][0][0] == "host"
    assert scope["headers"][0][1] == client.base_url.netloc.decode()
    assert ["x-name", "value"] in scope["headers"]
    assert not any(name.startswith(":") for name, _ in scope["headers"])
    assert "http.response.trailers" in scope["extensions"]
    assert ("tls" in scope["extensions"]) == (scope["scheme"] == "https")


def test_statuses(client):
    assert client.get("/nowhere").status_code == 404
    assert client.head("/").content == b""
    assert client.get("/crash").status_code == 500
    assert client.get("/bad-field").status_code == 500
    assert client.get("/").text == "hello"


def test_a_response_that_breaks_off_is_no_success(client):
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/crash-late")
    assert client.get("/").text == "hello"


def test_many_fields_in_a_response(client):
    response = client.get("/fields?40")
    assert response.headers["x-39"] == "v" * 1000
