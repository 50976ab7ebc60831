"""Applications that say what they see."""

from __future__ import annotations

import json
import sys

_KEYS = ("type", "path", "root_path", "client", "scheme", "server")


class Plain:
    """Answers with its name and its scope; says when it starts and stops."""

    def __init__(self, name, *, fails="", crashes=False):
        self.name = name
        self.fails = fails
        self.crashes = crashes

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": self.seen(scope)})
            await send({"type": "websocket.close"})
        else:
            body = self.seen(scope).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

    def seen(self, scope):
        found = {key: scope.get(key) for key in _KEYS}
        headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        raw = scope["raw_path"].decode()
        return json.dumps(
            {
                "name": self.name,
                "state": scope.get("state"),
                "raw": raw,
                "headers": headers,
                **found,
            }
        )

    async def live(self, scope, receive, send):
        await receive()
        self.say("startup")
        if self.fails:
            await send({"type": "lifespan.startup.failed", "message": self.fails})
            return
        scope["state"]["who"] = self.name
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.say("shutdown")
        if self.crashes:
            message = "cannot close"
            raise RuntimeError(message)
        await send({"type": "lifespan.shutdown.complete"})

    def say(self, event):
        sys.stdout.write(f"{self.name} {event}\n")
        sys.stdout.flush()


site = Plain("site")
one = Plain("one")
two = Plain("two")
failing = Plain("failing", fails="no database")
crashing = Plain("crashing", crashes=True)


async def without(scope, receive, send):
    """Knows nothing of lifespans."""
    assert scope["type"] != "lifespan", "no lifespan here"
    await Plain("without")(scope, receive, send)


def make():
    """A factory."""
    return Plain("made")


def wsgi(environ, start_response):
    """PEP 3333."""
    start_response("200 OK", [("content-type", "application/json")])
    keys = ("SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST")
    return [json.dumps({key: environ.get(key) for key in keys}).encode()]
