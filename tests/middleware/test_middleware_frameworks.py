"""Frameworks mounted under a prefix, side by side in one server, from a configuration alone."""

from __future__ import annotations

import json

import pytest
from websockets.sync.client import connect

from tests.middleware.conftest import get

ASGI = {
    "starlette": "frameworks:starlette",
    "fastapi": "frameworks:fastapi",
    "litestar": "frameworks:litestar",
}
WSGI = {"flask": "frameworks:flask", "django-wsgi": "djangosite:wsgi"}
ASYNCIO = {"django": "djangosite:asgi", "quart": "quartsite:quart"}
PLACES = ["starlette", "fastapi", "litestar", "flask", "django-wsgi", "django", "quart"]


@pytest.fixture(scope="module")
def server(serve, worker):
    mounts = {**ASGI, **WSGI, **({} if worker == "trio" else ASYNCIO)}
    toml = '[[middleware]]\nuse = "dispatcher"\n' + "".join(
        f'[[middleware.mounts]]\npath = "/apps/{name}"\napp = "{app}"\n'
        for name, app in mounts.items()
    )
    with serve(worker, toml) as running:
        yield running


@pytest.mark.parametrize("name", PLACES)
def test_a_framework_finds_its_place(server, worker, name):
    if worker == "trio" and name in ASYNCIO:
        pytest.skip(f"{name} runs on asyncio only")
    prefix = f"/apps/{name}"
    url = f"{server.url}{prefix}/hello/ab?x=1"
    response = get(url)
    assert response.status_code == 200, response.text
    found = response.json()
    assert found["url"] == url
    assert found["root"] == prefix
    assert found.get("page", f"{server.url}{prefix}/hello/you") == f"{server.url}{prefix}/hello/you"
    # What a framework calls its own page leads back to it.
    if "page" in found:
        assert get(found["page"]).json()["root"] == prefix


@pytest.mark.parametrize("name", ["starlette", "fastapi"])
def test_a_framework_has_the_state_of_its_own_lifespan(server, name):
    found = get(f"{server.url}/apps/{name}/hello/x").json()
    assert found["db"].lower() == name


def test_routers_within_go_on_below(server):
    found = get(f"{server.url}/apps/starlette/inner/deep").json()
    page = f"{server.url}/apps/starlette/inner/deep"
    assert found == {"page": page, "root": "/apps/starlette/inner"}


def test_documentation_knows_its_prefix(server):
    page = get(f"{server.url}/apps/fastapi/docs")
    assert "/apps/fastapi/openapi.json" in page.text
    schema = get(f"{server.url}/apps/fastapi/openapi.json").json()
    assert schema["servers"] == [{"url": "/apps/fastapi"}]


def test_sockets_find_their_place(server):
    url = server.url.replace("http", "ws", 1) + "/apps/starlette/chat"
    with connect(url) as socket:
        assert json.loads(socket.recv()) == {"url": url, "page": url, "db": "Starlette"}


def test_everything_else_is_not_found(server):
    response = get(f"{server.url}/apps/nobody")
    assert (response.status_code, response.text) == (404, "Not Found")
