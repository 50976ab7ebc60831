"""The chat, with foreign clients and a browser, on each worker and engine."""

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.examples.conftest import ENGINES, WORKERS, serving


@pytest.fixture(
    scope="module",
    params=[(worker, engine) for worker in WORKERS for engine in ENGINES],
    ids="-".join,
)
def chat(request):
    with serving("websocket", ["examples/websocket/app.py"], *request.param) as server:
        yield server


def join(server, name):
    return connect(f"{server.url.replace('http', 'ws', 1)}/chat/{name}", proxy=None)


def hear(client, line):
    """Lines until this one, which must come."""
    while client.recv(timeout=20) != line:
        pass


def test_everybody_hears_what_anybody_says(chat):
    with join(chat, "ada") as ada, join(chat, "bob") as bob:
        hear(ada, "bob is here")
        bob.send("hello 😀")
        hear(ada, "bob: hello 😀")
        hear(bob, "bob: hello 😀")
        ada.send("x" * 1000)
        hear(bob, f"ada: {'x' * 500}")
        found = httpx.get(f"{chat.url}/people", trust_env=False).json()
        assert {"ada", "bob"} <= set(found)
        bob.close()
        hear(ada, "bob has gone")


def test_a_name_that_is_taken_is_refused_with_the_reason(chat):
    with join(chat, "carl") as carl:
        hear(carl, "carl is here")
        with pytest.raises(InvalidStatus) as refused:
            join(chat, "carl")
        assert refused.value.response.status_code == 409
        assert refused.value.response.body == b"Somebody of that name is here already."


def test_a_browser_talks_to_the_room(chat, chromium):
    with join(chat, "host") as host:
        with chromium.page() as page:
            page.go(f"{chat.url}/?name=firefly")
            hear(host, "firefly is here")
            hear(host, "firefly: hello from a browser")
        hear(host, "firefly has gone")
