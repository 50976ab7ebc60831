"""Which applications are taken for WSGI, without calling any."""

from __future__ import annotations

import functools
from unittest.mock import sentinel

import pytest

from nonecorn_wsgi._interface import detect


def function(environ, start_response): ...


class Instance:
    def __call__(self, environ, start_response): ...

    def method(self, environ, start_response): ...


class ByClass:
    def __init__(self, environ, start_response):
        raise AssertionError

    def __iter__(self): ...


class Iterating(ByClass):
    """Inherits what makes it one."""


def generator(environ, start_response):
    yield b""


def anything(*args, **kwargs): ...


@functools.wraps(function)
def wrapped(*args): ...


def with_option(environ, start_response, debug=False): ...


def test_frameworks_are_detected():
    import flask
    from django.core.handlers.wsgi import WSGIHandler

    assert detect(flask.Flask("app"))
    assert detect(flask.Flask("app").wsgi_app)
    assert detect(WSGIHandler.__new__(WSGIHandler))


@pytest.mark.parametrize(
    "app",
    [
        function,
        Instance(),
        Instance().method,
        ByClass,
        Iterating,
        generator,
        anything,
        wrapped,
        with_option,
        lambda environ, start_response: [],
        functools.partial(with_option, debug=True),
    ],
)
def test_these_are(app):
    assert detect(app) is True


class Factory:
    def __init__(self, scope, receive): ...


class AsyncInstance:
    async def __call__(self, environ, start_response): ...


class Legacy:
    def __call__(self, scope, receive=None, send=None): ...


async def asgi(scope, receive, send): ...


async def coroutine(environ, start_response): ...


async def async_generator(environ, start_response):
    yield b""


def asgi_factory(): ...


def asgi_2(scope): ...


def asgi_by_hand(scope, receive, send): ...


def sync_scope(scope, receive): ...


def one(environ): ...


def three(environ, start_response, third): ...


@functools.wraps(asgi)
def wraps_asgi(*args): ...


@pytest.mark.parametrize(
    "app",
    [
        Factory,
        AsyncInstance(),
        Legacy(),
        Legacy,
        Instance,
        asgi,
        coroutine,
        async_generator,
        asgi_factory,
        asgi_2,
        asgi_by_hand,
        sync_scope,
        one,
        three,
        wraps_asgi,
        functools.partial(asgi, sentinel.scope),
        functools.partial(function, sentinel.environ),
        None,
        "module:app",
        object(),
        int,
        type,
        dict,
    ],
)
def test_these_are_not(app):
    assert detect(app) is False
