"""Applications as they are served."""

from __future__ import annotations

from typing import Any

import pytest

from nonecorn.spi import AppLoadError
from nonecorn.testing.context import make_app_context
from nonecorn.testing.runtime import MemoryRuntime
from nonecorn_asgi import _asgi2, _asgi3
from nonecorn_asgi.plugin import nonecorn_app_wrappers


async def receive() -> Any:
    return {"type": "http.request"}


def run(app: Any, scope: Any) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    MemoryRuntime().run(app, scope, receive, send)
    return sent


def test_asgi3_is_served_as_it_is() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    assert _asgi3.wrap(app, make_app_context()) is app


def test_asgi2_gets_its_scope_first() -> None:
    def app(scope: Any) -> Any:
        async def instance(receive: Any, send: Any) -> None:
            await send((scope["path"], await receive()))

        return instance

    wrapped = _asgi2.wrap(app, make_app_context())
    assert run(wrapped, {"path": "/"}) == [("/", {"type": "http.request"})]
    assert _asgi3.detect(wrapped)


def test_asgi2_makes_an_instance_per_request() -> None:
    class Consumer:
        def __init__(self, scope: Any) -> None:
            self.scope = scope

        async def __call__(self, receive: Any, send: Any) -> None:
            await send(self.scope["n"])

    wrapped = _asgi2.wrap(Consumer, make_app_context())
    assert [run(wrapped, {"n": n}) for n in (1, 2)] == [[1], [2]]


def test_an_error_while_an_instance_is_made_reaches_the_server() -> None:
    def app(scope: Any) -> Any:
        raise ValueError(scope["type"])

    with pytest.raises(ValueError, match="lifespan"):
        run(_asgi2.wrap(app, make_app_context()), {"type": "lifespan"})


@pytest.mark.parametrize("interface", [_asgi2, _asgi3])
def test_what_cannot_be_called_is_no_application(interface: Any) -> None:
    with pytest.raises(AppLoadError, match="cannot be called"):
        interface.wrap("app", make_app_context())


def test_the_descriptor_names_what_is_here() -> None:
    specs = {spec.name: spec for spec in nonecorn_app_wrappers()}
    assert specs["asgi3"].wrap.load() is _asgi3.wrap
    assert specs["asgi3"].detect.load() is _asgi3.detect
    assert specs["asgi2"].wrap.load() is _asgi2.wrap
    assert specs["asgi2"].detect.load() is _asgi2.detect
    assert specs["asgi3"].priority > specs["asgi2"].priority
