"""Fixtures: each engine, on tasks that begin at once and on tasks that begin later.

Whatever a test did to a listener, two things must hold once everything was closed: nothing is left
running, and each request that was begun was ended, once, as its observers see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.builtin.http.server import ENGINES, Server


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[False, True], ids=["lazy", "eager"])
def serve(engine: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    """Makes a listener: `serve(app, **options)`."""
    servers: list[Server] = []

    def make(*args: Any, **options: Any) -> Server:
        server = Server(engine, *args, eager=request.param, **options)
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.runtime.close()
        assert not server.context.running
        ended = [id(record.scope) for record in server.records]
        for scope in server.started:
            assert ended.count(id(scope)) == 1, f"{scope['path']} was not ended once"
