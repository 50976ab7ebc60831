"""The rules for middleware: subclass `MiddlewareConformance` and name the factory.

class TestMyMiddleware(MiddlewareConformance):
middleware = staticmethod(my_middleware)
options = {"prefix": "/api"}
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from nonecorn.spi import (
    ASGIApp,
    ConfigError,
    Middleware,
    Receive,
    Running,
    Scope,
    Send,
    Settings,
    running,
)
from nonecorn.testing import Gate, make_app_context
from nonecorn.testing.apps import Crashed, LifespanRecorder, echo, hello
from nonecorn.testing.asgi import Call, call, make_scope

__all__ = ["MiddlewareConformance"]


class MiddlewareConformance:
    """Every rule for a middleware.

    Attributes:
        middleware: The factory.
        options: Options it can be made with.
        settings: Settings objects that it looks up.
        scope: What to change in the scope so that the middleware passes the request on.
        streams: It passes the response on piece by piece.
    """

    middleware: Middleware
    options: Mapping[str, Any] = {}
    settings: Sequence[Settings] = ()
    scope: Mapping[str, Any] = {}
    streams = True

    def wrapped(self, app: ASGIApp) -> ASGIApp:
        """The middleware around `app`."""
        return self.middleware(app, dict(self.options), make_app_context(self.settings))

    def request(self, **more: Any) -> Scope:
        """A scope that the middleware passes on."""
        return make_scope(**{**self.scope, **more})

    def test_m01_requests_reach_the_application(self) -> None:
        """M1. A request that the middleware has nothing against is answered by the application."""
        response = call(self.wrapped(hello), self.request())
        assert (response.status, response.content) == (200, b"Hello, world!")

    def test_m02_the_scope_is_not_changed(self) -> None:
        """M2. The scope belongs to the caller: what the middleware changes is a copy."""
        scope = self.request()
        before = copy.deepcopy(scope)
        call(self.wrapped(hello), scope)
        assert scope == before

    def test_m03_bodies_pass(self) -> None:
        """M3. Request body and response body pass as they are."""
        response = call(self.wrapped(echo), self.request(method="POST"), [b"one", b"", b"two"])
        assert response.content == b"onetwo"

    def test_m04_pieces_pass_one_by_one(self) -> None:
        """M4. A piece of the response is passed on before the application sends the next."""
        if not self.streams:
            pytest.skip("this middleware needs the whole response: streams = False")
        gate = Gate()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            await gate.wait()
            await send({"type": "http.response.body", "body": b"two"})

        response = Call(self.wrapped(app), self.request()).body()
        assert response.content == b"one"
        gate.open()
        response.step()
        assert response.content == b"onetwo"

    def test_m05_errors_pass(self) -> None:
        """M5. What the application raises comes out, unless the middleware has answered for it."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise Crashed

        response = Call(self.wrapped(app), self.request()).body()
        assert isinstance(response.error, Crashed) or (response.status or 0) >= 500

    def test_m06_disconnects_pass(self) -> None:
        """M6. The application hears of a disconnect, and `OSError` from `send` reaches it."""
        heard: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            while True:
                kind = (await receive())["type"]
                if kind == "http.disconnect":
                    break
            heard.append(kind)
            try:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b""})
            except OSError:
                heard.append("OSError")

        response = Call(self.wrapped(app), self.request(method="POST")).body(b"half", more=True)
        response.disconnect()
        assert response.done
        assert heard == ["http.disconnect", "OSError"]

    def test_m07_lifespan_passes(self) -> None:
        """M7. The application's lifespan works through the middleware, its state included."""
        app = LifespanRecorder(state={"key": "value"})
        state: dict[str, Any] = {}
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
        lifespan = Call(self.wrapped(app), scope)
        with running(Running(runtime=lifespan.runtime)):
            lifespan.feed({"type": "lifespan.startup"})
            lifespan.feed({"type": "lifespan.shutdown"})
        assert app.events == ["startup", "shutdown"]
        assert [m["type"] for m in lifespan.sent] == [
            "lifespan.startup.complete",
            "lifespan.shutdown.complete",
        ]
        assert state == {"key": "value"}

    def test_m08_unknown_scopes_pass(self) -> None:
        """M8. A scope of a type that the middleware does not know reaches the application."""
        seen: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["type"])

        assert Call(self.wrapped(app), {**self.request(), "type": "x-unknown"}).step().error is None
        assert seen == ["x-unknown"]

    def test_m09_unknown_options_are_refused(self) -> None:
        """M9. An option that does not exist is a `ConfigError` that names it."""
        options = {**self.options, "no_such_option": 1}
        with pytest.raises(ConfigError, match="no_such_option"):
            self.middleware(hello, options, make_app_context(self.settings))

    def test_m10_requests_share_nothing(self) -> None:
        """M10. Requests under way at the same time do not get in each other's way."""
        wrapped = self.wrapped(echo)
        calls = [Call(wrapped, self.request(method="POST")) for _ in range(3)]
        for n, each in enumerate(calls):
            each.body(b"%d" % n, more=True)
        for n, each in enumerate(calls):
            each.body(b"%d" % n)
        assert [each.content for each in calls] == [b"00", b"11", b"22"]
