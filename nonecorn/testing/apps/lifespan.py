"""An application that keeps an account of its lifespan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nonecorn.spi import ASGIApp, Receive, Scope, Send
from nonecorn.testing.apps.body import hello


class LifespanRecorder:
    """Take part in the lifespan protocol as told, and pass other scopes on.

    Args:
        app: Serves requests.
        state: Put into the lifespan's state at start-up.
        fail_startup: Answer `startup.failed` with this message.
        fail_shutdown: Answer `shutdown.failed` with this message.
        unsupported: Raise on the lifespan scope, as an application without lifespan does.

    Attributes:
        events: What was received, in order: `startup`, `shutdown`, and `request` for each request.
        scopes: Lifespan scopes seen: one per worker.
        states: The `state` of each request's scope.
    """

    def __init__(
        self,
        app: ASGIApp = hello,
        *,
        state: Mapping[str, Any] | None = None,
        fail_startup: str | None = None,
        fail_shutdown: str | None = None,
        unsupported: bool = False,
    ) -> None:
        self.app = app
        self.state = dict(state or {})
        self.fail_startup = fail_startup
        self.fail_shutdown = fail_shutdown
        self.unsupported = unsupported
        self.events: list[str] = []
        self.scopes: list[dict[str, Any]] = []
        self.states: list[dict[str, Any] | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] != "lifespan":
            self.events.append("request")
            self.states.append(scope.get("state"))
            await self.app(scope, receive, send)
            return
        self.scopes.append(dict(scope))
        if self.unsupported:
            message = "no lifespan here"
            raise LookupError(message)
        for event, failure in (("startup", self.fail_startup), ("shutdown", self.fail_shutdown)):
            received = (await receive())["type"].removeprefix("lifespan.")
            assert received == event, f"lifespan.{received} where lifespan.{event} was due"
            self.events.append(event)
            if failure is not None:
                await send({"type": f"lifespan.{event}.failed", "message": failure})
                return
            if event == "startup" and "state" in scope:
                scope["state"].update(self.state)
            await send({"type": f"lifespan.{event}.complete"})
