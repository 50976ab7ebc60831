"""The application that end-to-end tests serve: one path per thing to look at, on any worker.

It says on standard output what tests wait for: a line is there before anybody looks for it.
"""

from __future__ import annotations

import contextvars
import functools
import hashlib
import json
import sys
import time
from urllib.parse import unquote

MARK = contextvars.ContextVar("MARK", default="unset")
ROUTES = {}
BLOCK = bytes(range(256)) * 256


def on_trio():
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_trio_token()  # `in_trio_run` is younger than the trio we allow
    except RuntimeError:
        return False
    return True


def say(text):
    print(text, flush=True)


def route(path):
    def add(handler):
        ROUTES[path] = handler
        return handler

    return add


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    handler = ROUTES.get(scope["path"], missing)
    await handler(scope, receive, send)


async def lifespan(receive, send):
    await receive()
    say("lifespan startup")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("lifespan shutdown")
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


async def checkpoint():
    if on_trio():
        import trio

        await trio.lowlevel.checkpoint()
    else:
        import asyncio

        await asyncio.sleep(0)


async def forever():
    if on_trio():
        import trio

        await trio.sleep_forever()
    else:
        import asyncio

        await asyncio.get_running_loop().create_future()


async def missing(scope, receive, send):
    await respond(send, b"no such path", 404)


# Bodies -------------------------------------------------------------------------------------------


@route("/")
async def hello(scope, receive, send):
    await respond(
        send, b"hello", headers=[(b"content-type", b"text/plain"), (b"content-length", b"5")]
    )


@route("/echo")
async def echo(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    async for piece in pieces(receive):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@route("/digest")
async def digest(scope, receive, send):
    size, sha = 0, hashlib.sha256()
    say("digest begun")
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


@route("/trailers")
async def trailers(scope, receive, send):
    await respond(send, b"body", headers=[(b"trailer", b"x-sum")], trailers=True)
    if "http.response.trailers" in scope["extensions"]:
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"42")]})


@route("/scope")
async def show_scope(scope, receive, send):
    await respond_json(send, {**scope, "headers": [[str(k), str(v)] for k, v in scope["headers"]]})


@route("/tag")
async def tag(scope, receive, send):
    """The request's tag, after everybody else had a chance to mix things up."""
    tags = [value for name, value in scope["headers"] if name == b"x-tag"]
    body = b"".join([piece async for piece in pieces(receive)])
    await checkpoint()
    await respond(send, b" ".join(filter(None, [*tags, scope["query_string"], body])))


# The surroundings of an application ---------------------------------------------------------------


@route("/mark")
async def mark(scope, receive, send):
    """What the context variable was; then it is set."""
    before = MARK.get()
    MARK.set(unquote(scope["query_string"].decode()))
    await checkpoint()
    await respond_json(send, {"before": before, "after": MARK.get()})


@route("/tasks")
async def tasks(scope, receive, send):
    """Names of every task of the loop; parked ones of the trio worker's are not counted."""
    if on_trio():
        import trio

        found, names = [trio.lowlevel.current_root_task()], []
        while found:
            task = found.pop()
            names.append(task.name)
            for nursery in task.child_nurseries:
                found.extend(nursery.child_tasks)
        names = [name for name in names if "berth" not in name]
    else:
        import asyncio

        running = [task.get_coro() for task in asyncio.all_tasks()]
        names = [getattr(each, "__qualname__", type(each).__name__) for each in running]
    await respond_json(send, sorted(names))


@route("/libraries")
async def libraries(scope, receive, send):
    import anyio
    import sniffio

    found = {"sniffio": sniffio.current_async_library()}
    with anyio.move_on_after(0.01) as cancelled:
        await anyio.sleep_forever()
    found["anyio cancels"] = cancelled.cancelled_caught
    order = []

    async def child(number):
        await anyio.lowlevel.checkpoint()
        order.append(number)

    async with anyio.create_task_group() as group:
        group.start_soon(child, 1)
        group.start_soon(child, 2)
    found["anyio children"] = sorted(order)
    found["anyio task"] = anyio.get_current_task().id > 0
    found["anyio thread"] = await anyio.to_thread.run_sync(lambda: 42)
    if on_trio():
        import trio

        with trio.move_on_after(0.01) as scope_:
            await trio.sleep_forever()
        found["timeout"] = scope_.cancelled_caught
        found["task"] = trio.lowlevel.current_task() is not None
    else:
        import asyncio

        try:
            async with asyncio.timeout(0.01):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            found["timeout"] = True
        found["task"] = asyncio.current_task() is not None
    await respond_json(send, found)


# Trouble ------------------------------------------------------------------------------------------


@route("/crash")
async def crash(scope, receive, send):
    raise RuntimeError("crashed on purpose")


@route("/wait")
async def wait(scope, receive, send):
    """Wait for the client to go."""
    say("wait begun")
    async for _ in pieces(receive):
        pass
    await receive()
    say("wait over")


@route("/stuck")
async def stuck(scope, receive, send):
    """Do not end but by cancellation."""
    say("stuck begun")
    try:
        await forever()
    finally:
        say("stuck cancelled")


@route("/events")
async def events(scope, receive, send):
    """Send one event, and another when the client is said to leave."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    say("events begun")
    while (await receive())["type"] != "http.disconnect":
        pass
    say("events told")
    await send({"type": "http.response.body", "body": b"data: bye\n\n", "more_body": True})


@route("/thread")
async def thread(scope, receive, send):
    """Hold up a thread, which nobody can cancel."""
    block = functools.partial(time.sleep, 600)
    say("thread begun")
    if on_trio():
        import trio

        await trio.to_thread.run_sync(block)
    else:
        import asyncio

        await asyncio.to_thread(block)


@route("/firehose")
async def firehose(scope, receive, send):
    """Send until the client has gone."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        while True:
            await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
    except OSError as error:
        say(f"firehose over: {type(error).__name__}")
        raise
