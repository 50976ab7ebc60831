"""The application behind the end-to-end tests of WebTransport: one path per thing to look at."""

from __future__ import annotations

import hashlib
import json
import os

from tests.h2.probe import event

BLOCK = bytes(range(256)) * 256
SIZE = 2 * 1024 * 1024
EVENTS = []
"""What sessions have heard that their clients cannot see; `/events` tells."""
HELD = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
    elif scope["type"] == "http":
        await answer(scope, send)
    else:
        await receive()
        handler = HANDLERS.get(scope["path"])
        if handler is None:
            await send({"type": "webtransport.close", "status": 404})
            return
        if scope["path"] != "/denied":
            subprotocol = next(iter(scope["subprotocols"]), None)
            await send({"type": "webtransport.accept", "subprotocol": subprotocol})
        await handler(scope, receive, send)


async def answer(scope, send):
    if scope["path"] == "/release":
        HELD.pop().set()
    body = json.dumps(EVENTS).encode() if scope["path"] == "/events" else b"hello"
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def deaf(scope, receive, send):
    """Receives nothing before somebody asks for `/release`; then says how many streams have come
    to their end by a datagram for each.
    """
    HELD.append(held := event())
    await held.wait()
    ends = 0
    while (message := await receive())["type"] != "webtransport.disconnect":
        if message["type"] == "webtransport.stream.receive" and message["end_stream"]:
            ends += 1
            await send({"type": "webtransport.datagram.send", "data": b"%d" % ends})


async def echo(scope, receive, send):
    """Streams come back, unidirectional ones on one of ours; datagrams, too."""
    names = {}
    while True:
        message = await receive()
        kind = message["type"]
        if kind == "webtransport.disconnect":
            EVENTS.append(message)
            return
        try:
            if kind == "webtransport.stream.open" and not message["bidirectional"]:
                names[message["stream"]] = name = f"back {message['stream']}"
                await send(
                    {"type": "webtransport.stream.open", "stream": name, "bidirectional": False}
                )
            elif kind == "webtransport.stream.receive":
                stream = names.get(message["stream"], message["stream"])
                back = {**message, "type": "webtransport.stream.send", "stream": stream}
                await send(back)
            elif kind == "webtransport.datagram.receive":
                await send({**message, "type": "webtransport.datagram.send"})
            elif kind in ("webtransport.stream.reset", "webtransport.stream.stop"):
                EVENTS.append(message)
                await send({**message, "type": "webtransport.stream.reset"})
        except OSError as error:
            EVENTS.append({"type": kind, "error": type(error).__name__})


async def closes(scope, receive, send):
    """Closes at the first datagram or stream."""
    await receive()
    await send({"type": "webtransport.close", "code": 42, "reason": "enough, ü"})
    EVENTS.append(await receive())


async def breaks(scope, receive, send):
    """Fails at the first datagram or stream."""
    await receive()
    raise LookupError("asked for")


async def paused(scope, receive, send):
    """Does not read a stream before a datagram tells it to; then answers with what it has read."""
    digest, size, stream = hashlib.sha256(), 0, None
    while True:
        message = await receive()
        kind = message["type"]
        if kind == "webtransport.stream.open":
            stream = message["stream"]
            await send({"type": "webtransport.stream.pause", "stream": stream})
            await send({"type": "webtransport.datagram.send", "data": b"paused"})
        elif kind == "webtransport.datagram.receive":
            await send({"type": "webtransport.stream.resume", "stream": stream})
        elif kind == "webtransport.stream.receive":
            digest.update(message["data"])
            size += len(message["data"])
            if message["end_stream"]:
                text = f"{size} {digest.hexdigest()}".encode()
                await send(
                    {"type": "webtransport.stream.send", "stream": stream, "data": text,
                     "end_stream": True}
                )  # fmt: skip
        elif kind == "webtransport.disconnect":
            return


async def down(scope, receive, send):
    """As many blocks on a stream of ours as the query says; a datagram once all were taken."""
    blocks = int(scope["query_string"])
    await send({"type": "webtransport.stream.open", "stream": "down", "bidirectional": False})
    for number in range(blocks):
        await send(
            {"type": "webtransport.stream.send", "stream": "down", "data": BLOCK,
             "end_stream": number == blocks - 1}
        )  # fmt: skip
    while (await receive())["type"] != "webtransport.disconnect":
        await send({"type": "webtransport.datagram.send", "data": b"all was taken"})


async def opens(scope, receive, send):
    """Opens a stream of each kind; what comes on the bidirectional one goes out by a datagram."""
    for name, bidirectional in (("two ways", True), ("one way", False)):
        opening = {"stream": name, "bidirectional": bidirectional}
        await send({"type": "webtransport.stream.open", **opening})
        data = f"said {name}".encode()
        await send(
            {"type": "webtransport.stream.send", "stream": name, "data": data, "end_stream": True}
        )
    while (message := await receive())["type"] != "webtransport.disconnect":
        if message["type"] == "webtransport.stream.receive" and message["data"]:
            await send({"type": "webtransport.datagram.send", "data": message["data"]})


async def resets(scope, receive, send):
    """Breaks off both directions of what comes, with codes."""
    while (message := await receive())["type"] != "webtransport.disconnect":
        if message["type"] == "webtransport.stream.receive":
            stream = message["stream"]
            await send({"type": "webtransport.stream.reset", "stream": stream, "code": 7})
            await send({"type": "webtransport.stream.stop", "stream": stream, "code": 4294967295})


async def denied(scope, receive, send):
    await send({"type": "webtransport.close", "status": 418})


async def waits(scope, receive, send):
    """Receives until the end."""
    while True:
        EVENTS.append(message := {**await receive()})
        message.pop("data", None)
        if message["type"] == "webtransport.disconnect":
            return


async def tell(scope, receive, send):
    """The scope, as JSON, on a stream of ours."""
    told = {key: value for key, value in scope.items() if key not in ("state", "raw_path")}
    text = json.dumps(told, default=lambda value: value.decode()).encode()
    await send({"type": "webtransport.stream.open", "stream": "told", "bidirectional": False})
    await send(
        {"type": "webtransport.stream.send", "stream": "told", "data": text, "end_stream": True}
    )
    await waits(scope, receive, send)


async def process(scope, receive, send):
    """Which process it is, behind all that ends on a stream or comes by a datagram; and that it is
    to make an end, by a datagram.
    """
    pid = b" %d" % os.getpid()
    while (message := await receive())["type"] != "webtransport.disconnect":
        kind = message["type"]
        if kind == "webtransport.stream.receive":
            data = message["data"] + pid * message["end_stream"]
            await send({**message, "type": "webtransport.stream.send", "data": data})
        elif kind in ("webtransport.datagram.receive", "webtransport.drain"):
            data = message.get("data", b"drain") + pid
            await send({"type": "webtransport.datagram.send", "data": data})


HANDLERS = {
    "/process": process,
    "/tell": tell,
    "/echo": echo,
    "/closes": closes,
    "/breaks": breaks,
    "/paused": paused,
    "/down": down,
    "/opens": opens,
    "/resets": resets,
    "/deaf": deaf,
    "/denied": denied,
    "/waits": waits,
}
