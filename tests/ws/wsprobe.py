"""The application that WebSocket tests serve in processes: one path per thing to look at.

It says on standard output what tests wait for: a line is there before anybody looks for it.
"""

from __future__ import annotations

import json
import sys
from urllib.parse import parse_qsl

ROUTES = {}


def say(text):
    print(text, flush=True)


async def forever():
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        await trio.sleep_forever()
    else:
        import asyncio

        await asyncio.get_running_loop().create_future()


def route(path):
    def add(handler):
        ROUTES[path] = handler
        return handler

    return add


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
    else:
        message = await receive()
        assert message == {"type": "websocket.connect"}, message
        await ROUTES[scope["path"]](scope, receive, send)


async def lifespan(scope, receive, send):
    await receive()
    scope["state"]["started"] = "yes"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def accept(send, **more):
    await send({"type": "websocket.accept", **more})


async def messages(receive):
    """Messages until the client goes; how it went is said."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            say(f"disconnect {message['code']} {message['reason']!r}")
            return
        assert message["type"] == "websocket.receive", message
        yield message


@route("/echo")
async def echo(scope, receive, send):
    """Send back what comes."""
    await accept(send)
    async for message in messages(receive):
        await send({
            "type": "websocket.send",
            "bytes": message.get("bytes"),
            "text": message.get("text"),
        })  # fmt: skip


@route("/length")
async def length(scope, receive, send):
    """Answer each message with its length."""
    await accept(send)
    async for message in messages(receive):
        data = message.get("bytes")
        size = len(message["text"] if data is None else data)
        await send({"type": "websocket.send", "text": str(size)})


@route("/scope")
async def show_scope(scope, receive, send):
    await accept(send)
    shown = {
        **scope,
        "headers": [[str(k, "latin-1"), str(v, "latin-1")] for k, v in scope["headers"]],
    }
    await send({"type": "websocket.send", "text": json.dumps(shown, default=repr)})
    await send({"type": "websocket.close"})


@route("/accept")
async def accept_with(scope, receive, send):
    """Accept with the subprotocol and headers of the query, and echo nothing."""
    query = parse_qsl(scope["query_string"].decode())
    headers = [(name.encode(), value.encode()) for name, value in query if name != "subprotocol"]
    await accept(send, subprotocol=dict(query).get("subprotocol"), headers=headers)
    async for _ in messages(receive):
        pass


@route("/deaf")
async def deaf(scope, receive, send):
    """Never receive."""
    await accept(send)
    say("deaf")
    await forever()


@route("/flood")
async def flood(scope, receive, send):
    """Send until the client has gone."""
    await accept(send)
    count = 0
    try:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(65536)})
            count += 1
            say(f"sent {count}")
    except OSError as error:
        say(f"flood over after {count}: {type(error).__name__}")


@route("/hold")
async def hold(scope, receive, send):
    """Neither accept nor refuse."""
    say("held")
    message = await receive()
    say(f"{message['type']} {message.get('code')}")


@route("/crash-before")
async def crash_before(scope, receive, send):
    raise RuntimeError("crashed before it accepted")


@route("/crash-after")
async def crash_after(scope, receive, send):
    await accept(send)
    await receive()
    raise RuntimeError("crashed after it accepted")


@route("/return-before")
async def return_before(scope, receive, send):
    return


@route("/return-after")
async def return_after(scope, receive, send):
    await accept(send)
