"""Which applications are taken for which interface."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from typing import Any

import pytest

from nonecorn_asgi import _asgi2, _asgi3


async def function(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


async def with_default(scope: Any, receive: Any, send: Any, extra: int = 1) -> None:
    raise AssertionError


async def with_anything(*args: Any) -> None:
    raise AssertionError


async def with_prefix(prefix: str, scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


def passes_on(scope: Any, receive: Any, send: Any) -> Any:
    raise AssertionError


@functools.wraps(function)
def decorated(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError


class Application:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    async def method(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    @classmethod
    async def class_method(cls, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    @staticmethod
    async def static_method(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError


class Middleware:
    """A plain `__call__` that returns the next one's coroutine."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        raise AssertionError


class Consumer:
    """ASGI 2 as a class."""

    def __init__(self, scope: Any) -> None:
        raise AssertionError

    async def __call__(self, receive: Any, send: Any) -> None:
        raise AssertionError


class DefaultConsumer(Consumer):
    def __init__(self, scope: Any, *, option: int = 1) -> None:
        raise AssertionError


def double(scope: Any) -> Any:
    raise AssertionError


class Doubles:
    def __call__(self, scope: Any) -> Any:
        raise AssertionError

    def method(self, scope: Any) -> Any:
        raise AssertionError


class Plain:
    """Nothing of ours."""

    def __init__(self, value: Any) -> None:
        raise AssertionError


class SyncConsumer(Consumer):
    def __call__(self, receive: Any, send: Any) -> Any:
        raise AssertionError


def wsgi(environ: Any, start_response: Any) -> Any:
    raise AssertionError


def wsgi_anything(*args: Any) -> Any:
    raise AssertionError


class WSGI:
    def __call__(self, environ: Any, start_response: Any) -> Any:
        raise AssertionError


def factory(config: Any) -> Any:
    raise AssertionError


async def async_factory(scope: Any) -> Any:
    raise AssertionError


ASGI3 = [
    function, with_default, with_anything, passes_on, decorated, Application(),
    Application().method, Application.class_method, Application.static_method, Middleware(None),
    functools.partial(with_prefix, "p"), functools.partial(Application()),
    functools.partial(functools.partial(with_prefix, "p")), lambda scope, receive, send: None,
]  # fmt: skip
ASGI2 = [Consumer, DefaultConsumer, double, Doubles(), Doubles().method, functools.partial(double)]
NEITHER = [
    wsgi, wsgi_anything, WSGI(), WSGI, factory, async_factory, Plain, SyncConsumer, Application,
    Middleware, None, 1, "app", object(), sys, print, dict, int, with_prefix,
]  # fmt: skip


def str_of(app) -> str:
    """The same in every process: without addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(app))


@pytest.mark.parametrize("app", ASGI3, ids=str_of)
def test_asgi3(app: Any) -> None:
    assert _asgi3.detect(app)
    assert not _asgi2.detect(app)


@pytest.mark.parametrize("app", ASGI2, ids=str_of)
def test_asgi2(app: Any) -> None:
    assert _asgi2.detect(app)
    assert not _asgi3.detect(app)


@pytest.mark.parametrize("app", NEITHER, ids=str_of)
def test_neither(app: Any) -> None:
    assert not _asgi3.detect(app)
    assert not _asgi2.detect(app)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the mark is new in Python 3.12")
def test_a_function_marked_as_async_counts_as_such() -> None:
    mark = inspect.markcoroutinefunction  # type: ignore[attr-defined, unused-ignore]
    assert _asgi3.detect(mark(lambda *args: None))


def test_starlette() -> None:
    applications = pytest.importorskip("starlette.applications")
    assert _asgi3.detect(applications.Starlette())


def test_fastapi() -> None:
    fastapi = pytest.importorskip("fastapi")
    assert _asgi3.detect(fastapi.FastAPI())


def test_django_both_ways() -> None:
    asgi = pytest.importorskip("django.core.handlers.asgi").ASGIHandler
    wsgi_handler = pytest.importorskip("django.core.handlers.wsgi").WSGIHandler
    assert _asgi3.detect(asgi.__new__(asgi))  # not initialised: that would need a project
    assert not _asgi3.detect(wsgi_handler.__new__(wsgi_handler))
    assert not _asgi2.detect(wsgi_handler.__new__(wsgi_handler))
