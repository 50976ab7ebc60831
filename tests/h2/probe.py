"""The application behind the tests of HTTP/2: one path per thing to look at, on any worker.

It counts what becomes of its requests. `/counts` tells, and is not counted itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

BLOCK = bytes(range(256)) * 256
RUNNING = []
COUNTS = {"begun": 0, "running": 0, "finished": 0, "gone": 0, "cancelled": 0, "failed": 0}
ROUTES = {}
HELD = []


def route(path):
    def add(handler):
        ROUTES[path] = handler
        return handler

    return add


def on_trio():
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()


def event():
    if on_trio():
        import trio

        return trio.Event()
    import asyncio

    return asyncio.Event()


async def checkpoint():
    if on_trio():
        import trio

        await trio.lowlevel.checkpoint()
    else:
        import asyncio

        await asyncio.sleep(0)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    handler = ROUTES.get(scope["path"], missing)
    if (scope["type"] == "websocket") != scope["path"].startswith("/ws"):
        handler = missing if scope["type"] == "http" else forbidden
    if scope["path"] in ("/counts", "/running"):
        await handler(scope, receive, send)
        return
    COUNTS["begun"] += 1
    COUNTS["running"] += 1
    RUNNING.append(f"{scope.get('method', 'CONNECT')} {scope['path']}")
    try:
        await handler(scope, receive, send)
    except OSError:
        COUNTS["gone"] += 1
        raise
    except Exception:
        COUNTS["failed"] += 1
        raise
    except BaseException:
        COUNTS["cancelled"] += 1
        raise
    else:
        COUNTS["finished"] += 1
    finally:
        COUNTS["running"] -= 1
        RUNNING.remove(f"{scope.get('method', 'CONNECT')} {scope['path']}")


async def lifespan(receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def respond(send, body=b"", status=200, headers=(), **more):
    start = {"type": "http.response.start", "status": status, "headers": list(headers), **more}
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def respond_json(send, value):
    await respond(send, json.dumps(value, default=repr).encode())


async def pieces(receive):
    """The request's body as it comes; ends early where the client goes."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def missing(scope, receive, send):
    await respond(send, b"no such path", 404)


async def forbidden(scope, receive, send):
    await receive()
    await send({"type": "websocket.close"})


@route("/counts")
async def counts(scope, receive, send):
    await respond_json(send, COUNTS)


@route("/running")
async def running(scope, receive, send):
    await respond_json(send, RUNNING)


# Bodies -------------------------------------------------------------------------------------------


@route("/")
async def hello(scope, receive, send):
    await respond(
        send, b"hello", headers=[(b"content-type", b"text/plain"), (b"content-length", b"5")]
    )


@route("/page")
async def page(scope, receive, send):
    """For a browser: what its script has fetched shows in the document."""
    script = (
        "Promise.all([...Array(20).keys()].map(n => fetch('/tag?' + n).then(r => r.text())))"
        ".then(all => document.body.textContent = 'fetched ' + all.join(' ')"
        " + ' by ' + performance.getEntriesByType('resource')[0].nextHopProtocol)"
    )
    text = f"<!doctype html><title>h2</title><body><script>{script}</script></body>"
    await respond(send, text.encode(), headers=[(b"content-type", b"text/html; charset=utf-8")])


@route("/tag")
async def tag(scope, receive, send):
    """The query, after everybody else had a chance to mix things up."""
    await checkpoint()
    await respond(send, scope["query_string"])


@route("/echo")
async def echo(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    async for piece in pieces(receive):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@route("/digest")
async def digest(scope, receive, send):
    size, sha = 0, hashlib.sha256()
    async for piece in pieces(receive):
        size += len(piece)
        sha.update(piece)
    await respond_json(send, {"size": size, "sha256": sha.hexdigest()})


@route("/download")
async def download(scope, receive, send):
    left = int(scope["query_string"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while left:
        piece = BLOCK[:left]
        left -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
    if not int(scope["query_string"]):
        await send({"type": "http.response.body"})


@route("/whole")
async def whole(scope, receive, send):
    """A body in one message."""
    size = int(scope["query_string"])
    await respond(send, (BLOCK * (size // len(BLOCK) + 1))[:size])


@route("/file")
async def file(scope, receive, send):
    """A body from a file, by the extension in the query."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "body"
        path.write_bytes(BLOCK * 4)
        start = {"type": "http.response.start", "status": 200, "headers": []}
        if scope["query_string"] == b"pathsend":
            await send(start)
            await send({"type": "http.response.pathsend", "path": str(path)})
            return
        with path.open("rb") as opened:
            await send(start)
            await send({"type": "http.response.zerocopysend", "file": opened, "count": 65536,
                        "more_body": True})  # fmt: skip
            await send({"type": "http.response.zerocopysend", "file": opened})


@route("/fields")
async def fields(scope, receive, send):
    """As many fields as the query says, of a kilobyte each."""
    many = [(b"x-%d" % n, b"v" * 1000) for n in range(int(scope["query_string"]))]
    await respond(send, b"much", headers=many)


@route("/unique")
async def unique(scope, receive, send):
    """A field of four kilobytes that no other response has."""
    value = b"%d " % COUNTS["begun"] + b"v" * 4000
    await respond(send, b"", headers=[(b"x-unique", value)])


@route("/scope")
async def show_scope(scope, receive, send):
    await respond_json(send, {**scope, "headers": [[str(k, "latin-1"), str(v, "latin-1")]
                                                   for k, v in scope["headers"]]})  # fmt: skip


@route("/bad-field")
async def bad_field(scope, receive, send):
    """A response that splits, unless the server notices."""
    await respond(send, b"", headers=[(b"x-bad", b"a\r\nb: c")])


# Messages of extensions ---------------------------------------------------------------------------


@route("/trailers")
async def trailers(scope, receive, send):
    await respond(send, b"body", headers=[(b"trailer", b"x-sum")], trailers=True)
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"42")]})


@route("/request-trailers")
async def request_trailers(scope, receive, send):
    while True:
        message = await receive()
        if not message.get("more_body", False):
            found = message.get("trailers")
            named = None if found is None else [[k.decode(), v.decode()] for k, v in found]
            await respond_json(send, named)
            return


@route("/hints")
async def hints(scope, receive, send):
    await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
    await send({"type": "http.response.early_hint", "links": [b"</b.js>; rel=preload"]})
    await respond(send, b"hinted")


@route("/push")
async def push(scope, receive, send):
    offered = "http.response.push" in scope["extensions"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if offered:
        await send({"type": "http.response.push", "path": "/tag?pushed", "headers": []})
    await send({"type": "http.response.body", "body": b"yes" if offered else b"no"})


@route("/priority")
async def own_priority(scope, receive, send):
    """A large body whose priority the application sets (RFC 9218 section 5)."""
    value, _, size = scope["query_string"].partition(b"&")
    fields = [(b"priority", value.replace(b"%3D", b"=").replace(b";", b","))] if value else []
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": BLOCK * (int(size) // len(BLOCK))})


# WebSocket ----------------------------------------------------------------------------------------


@route("/ws")
async def websocket(scope, receive, send):
    await receive()
    subprotocols = scope["subprotocols"]
    await send(
        {"type": "websocket.accept", "subprotocol": subprotocols[0] if subprotocols else None}
    )
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 4001, "reason": "asked"})
            return
        await send({**message, "type": "websocket.send"})


@route("/ws-denied")
async def denied(scope, receive, send):
    await receive()
    if "websocket.http.response" in scope["extensions"]:
        await send({"type": "websocket.http.response.start", "status": 418,
                    "headers": [(b"x-why", b"tea")]})  # fmt: skip
        await send({"type": "websocket.http.response.body", "body": b"a teapot"})
    else:
        await send({"type": "websocket.close"})


@route("/ws-scope")
async def websocket_scope(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    shown = {key: scope[key] for key in ("type", "http_version", "scheme", "path", "subprotocols")}
    await send({"type": "websocket.send", "text": json.dumps(shown)})
    await send({"type": "websocket.close"})


# Trouble ------------------------------------------------------------------------------------------


@route("/crash")
async def crash(scope, receive, send):
    raise RuntimeError("crashed on purpose")


@route("/crash-late")
async def crash_late(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    raise RuntimeError("crashed on purpose")


@route("/wait")
async def wait(scope, receive, send):
    """Wait for the client to go."""
    print("wait begun", flush=True)
    while (await receive())["type"] != "http.disconnect":
        pass


@route("/hold")
async def hold(scope, receive, send):
    """Receive nothing until somebody asks for `/release`; then tell the body's size."""
    HELD.append(event())
    print("hold begun", flush=True)
    await HELD[-1].wait()
    size = 0
    async for piece in pieces(receive):
        size += len(piece)
    await respond_json(send, {"size": size})


@route("/release")
async def release(scope, receive, send):
    count = len(HELD)
    while HELD:
        HELD.pop().set()
    await respond_json(send, count)


@route("/begin")
async def begin(scope, receive, send):
    """Begin a response, and end it when somebody asks for `/release`."""
    HELD.append(event())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun ", "more_body": True})
    await HELD[-1].wait()
    await send({"type": "http.response.body", "body": b"ended"})


@route("/firehose")
async def firehose(scope, receive, send):
    """Send until the client has gone."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": BLOCK, "more_body": True})


# gRPC over ASGI: length-prefixed messages, and the status in trailers -----------------------------


async def grpc_messages(receive):
    rest = b""
    async for piece in pieces(receive):
        rest += piece
        while len(rest) >= 5 and len(rest) >= 5 + int.from_bytes(rest[1:5], "big"):
            size = 5 + int.from_bytes(rest[1:5], "big")
            yield rest[5:size]
            rest = rest[size:]


def grpc_route(path):
    def add(handler):
        @route(path)
        async def serve(scope, receive, send):
            fields = [(b"content-type", b"application/grpc")]
            await send({"type": "http.response.start", "status": 200, "headers": fields,
                        "trailers": True})  # fmt: skip
            status, message = b"0", b""

            async def answer(data):
                framed = b"\0" + len(data).to_bytes(4, "big") + data
                await send({"type": "http.response.body", "body": framed, "more_body": True})

            try:
                await handler(grpc_messages(receive), answer)
            except ValueError as error:
                status, message = b"3", str(error).encode()
            await send({"type": "http.response.body"})
            found = [(b"grpc-status", status), (b"grpc-message", message)]
            await send({"type": "http.response.trailers", "headers": found})

        return serve

    return add


@grpc_route("/probe.Probe/Unary")
async def unary(messages, answer):
    async for message in messages:
        if message == b"refuse":
            raise ValueError("refused as asked")
        await answer(b"answer to " + message)


@grpc_route("/probe.Probe/ServerStream")
async def server_stream(messages, answer):
    async for message in messages:
        for number in range(int(message)):
            await answer(b"%d " % number + b"x" * 1000)


@grpc_route("/probe.Probe/ClientStream")
async def client_stream(messages, answer):
    total = [len(message) async for message in messages]
    await answer(b"%d messages, %d bytes" % (len(total), sum(total)))


@grpc_route("/probe.Probe/Both")
async def both(messages, answer):
    async for message in messages:
        await answer(message.upper())


@route("/pid")
async def pid(scope, receive, send):
    await respond_json(send, os.getpid())
