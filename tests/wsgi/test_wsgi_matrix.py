"""Every kind of response and request body, through `wsgiref.validate`, on every worker and over
HTTP/1.1 and HTTP/2.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.wsgi import wsgiprobe

LINES = b"".join(b"line %d\n" % number for number in range(50)) + b"the last has no end"
BODIES = {
    "none": b"",
    "small": LINES,
    "large": bytes(range(256)) * 2048,  # 512 KiB
    "one line": b"x" * 300_000,
}


@pytest.fixture
def unchecked(bare, connect):
    with connect(bare.url) as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_responses(client, method):
    for route in wsgiprobe.PLAIN:
        response = client.request(method, f"/{route.__name__}")
        assert response.status_code == 200, route
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.content == (b"" if method == "HEAD" else b"onetwo"), route
        assert "date" in response.headers


@pytest.mark.parametrize("route", ["empty", "blank"])
def test_an_empty_response_has_its_head(client, route):
    response = client.get(f"/{route}")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["x-empty"] == "yes"


def test_the_length_is_known_where_the_iterable_is_the_whole_body(unchecked):
    assert unchecked.get("/as_tuple").headers["content-length"] == "6"
    assert unchecked.head("/as_tuple").headers["content-length"] == "6"


@pytest.mark.parametrize(("route", "status"), [("no_content", 204), ("not_modified", 304)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_response_without_a_body(client, route, status, method):
    response = client.request(method, f"/{route}")
    assert (response.status_code, response.content) == (status, b"")
    # The next request finds the connection in order.
    assert client.get("/as_list").content == b"onetwo"


def test_a_head_that_has_not_left_is_replaced(client):
    response = client.get("/replaced")
    assert (response.status_code, response.headers["x-thought"]) == (409, "second")


def test_a_file(client):
    assert client.get("/by_file").content == Path(wsgiprobe.__file__).read_bytes()
    assert client.head("/by_file").content == b""


def test_the_iterable_is_closed(client):
    before = int(client.get("/closed").text)
    for method in ("GET", "HEAD"):
        client.request(method, "/Closing")
    assert int(client.get("/closed").text) == before + 2


@pytest.mark.parametrize("how", ["all", "parts", "line", "lines", "hint", "iter"])
def test_request_bodies_with_a_length(client, how):
    for body in BODIES.values():
        response = client.post(f"/echo?how={how}", content=body)
        assert response.status_code == 200
        assert response.content == body


@pytest.mark.parametrize("how", ["parts", "line", "lines", "hint", "iter"])
def test_request_bodies_of_unknown_length(client, how):
    for body in BODIES.values():
        pieces = (body[at : at + 7777] for at in range(0, len(body), 7777))
        response = client.post(f"/echo?how={how}", content=pieces)
        assert response.content == body


def test_a_response_that_begins_before_the_request_has_ended(client):
    data = BODIES["large"]
    assert client.post("/back", content=data).content == data


def test_the_environ_tells_the_version(client, connect):
    environ = client.get("/shown?x=%C3%A9").json()
    assert environ["SERVER_PROTOCOL"] in ("HTTP/1.1", "HTTP/2")
    assert environ["HTTP_HOST"] == client.base_url.netloc.decode()
    assert environ["SERVER_PORT"] == str(client.base_url.port)
    assert environ["QUERY_STRING"] == "x=%C3%A9"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["REMOTE_PORT"].isdigit()


IMPOSSIBLE = (
    "fails", "fails_after_start", "twice", "never_starts", "text", "hop", "smuggle",
    "too_long_at_once", "too_short_at_once", "nothing_of_length", "leaves",
)  # fmt: skip


def test_what_cannot_be_answered_is_a_500(unchecked):
    for route in IMPOSSIBLE:
        response = unchecked.get(f"/{route}")
        assert response.status_code == 500, route
        assert "x-smuggled" not in response.headers
    assert unchecked.get("/as_list").content == b"onetwo"


def test_what_fails_once_the_head_has_left_breaks_off(unchecked):
    for route in ("fails_in_body", "exc_info_too_late", "too_short"):
        with pytest.raises(httpx.RemoteProtocolError):
            unchecked.get(f"/{route}")
    assert unchecked.get("/as_list").content == b"onetwo"


def test_no_more_is_sent_than_the_length_says(unchecked):
    assert unchecked.get("/too_long").content == b"onetw"
    assert unchecked.get("/as_list").content == b"onetwo"
