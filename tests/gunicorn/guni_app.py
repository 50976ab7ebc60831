"""The application under Gunicorn: it says who serves, and waits where a test wants it to."""

import json
import os
import time
from pathlib import Path

from nonecorn.spi import current_run


async def app(scope, receive, send):
    await {"lifespan": lifespan, "websocket": echo, "http": http}[scope["type"]](
        scope, receive, send
    )


async def lifespan(scope, receive, send):
    if os.environ.get("GUNI_FAIL"):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "the database is away"})
        return
    await receive()
    if seconds := float(os.environ.get("GUNI_SLOW", "0")):
        runtime = current_run().runtime
        waiter = runtime.waiter()
        runtime.call_at(runtime.time() + seconds, waiter.set)
        await waiter.wait()
    scope["state"]["greeting"] = "hello"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print(f"application ended in {os.getpid()}", flush=True)
    await send({"type": "lifespan.shutdown.complete"})


async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def http(scope, receive, send):
    path = scope["path"]
    if path == "/block":
        time.sleep(60)  # noqa: ASYNC251  # what the heartbeat is for
    elif path == "/stubborn":
        while True:  # what an exit in a signal's handler does not unwind
            try:
                time.sleep(60)  # noqa: ASYNC251
            except BaseException:
                continue
    body = b""
    more = True
    while more:  # a request that a test does not end waits here
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    facts = {
        "pid": os.getpid(),
        "scheme": scope["scheme"],
        "version": scope["http_version"],
        "client": scope["client"],
        "server": scope["server"],
        "root_path": scope["root_path"],
        "greeting": scope["state"]["greeting"],
        "body": body.decode(),
        "length": len(path),
        "raw_env": os.environ.get("GUNI_ENV"),
        "cwd": Path.cwd().name,
    }
    answer = json.dumps(facts).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def wsgi(environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    facts = [environ["wsgi.url_scheme"], environ["PATH_INFO"], environ["wsgi.multiprocess"]]
    answer = " ".join(map(str, [*facts, ""])).encode() + body
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
