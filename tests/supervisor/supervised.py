"""The application of these tests: says which process serves, and does what is asked of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
HELD = []
LITTLE = [(b"content-length", b"2")]


def say(text):
    print(text, flush=True)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    path = scope["path"]
    if path == "/little":  # as little work as can be
        await send({"type": "http.response.start", "status": 200, "headers": LITTLE})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    value = {"pid": os.getpid(), "parent": os.getppid(), "version": os.environ.get("VERSION", "")}
    if path == "/upload":  # answered when the client has sent the whole body
        say(f"upload begun {os.getpid()}")
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            more = message.get("more_body", False)
    elif path == "/modules":
        value["modules"] = sorted(sys.modules)
    elif path == "/kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif path == "/hang":
        say(f"hang begun {os.getpid()}")
        time.sleep(600)  # noqa: ASYNC251  # what this is about
    elif path == "/grow":
        HELD.append(b"x" * (64 << 20))
    elif path == "/child":  # a process of the application's own, and what it has open
        script = (
            "import os\n"
            "for name in os.listdir('/proc/self/fd'):\n"
            "    try: print(os.readlink(f'/proc/self/fd/{name}'))\n"
            "    except OSError: pass\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)  # noqa: ASYNC221
        value["open"] = done.stdout.decode().split()
    elif path == "/spawn":  # another one, by way of multiprocessing
        import multiprocessing  # a test looks at what is imported

        process = multiprocessing.get_context("spawn").Process(target=os._exit, args=(5,))
        process.start()
        process.join()
        value["code"] = process.exitcode
    elif path in ("/slow", "/events"):
        await stream(path, receive, send)
        return
    elif path == "/threads":
        value["threads"] = sorted(thread.name for thread in threading.enumerate())
    body = json.dumps(value).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def stream(path, receive, send):
    """Ten pieces in five seconds, or events until the client has gone or is to go."""
    kind = b"text/event-stream" if path == "/events" else b"text/plain"
    headers = [(b"content-type", kind)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    say(f"stream begun {os.getpid()}")
    await send({"type": "http.response.body", "body": b"0", "more_body": True})
    if path == "/events":
        await receive()
        while (await receive())["type"] != "http.disconnect":
            pass
    else:
        import anyio  # likewise

        for number in range(1, 10):
            await anyio.sleep(5 / 9)
            body = str(number).encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b"end"})


async def lifespan(receive, send):
    await receive()
    if os.environ.get("FAIL") == "never":
        await receive()
    if os.environ.get("FAIL") == "startup":
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say(f"lifespan shutdown {os.getpid()}")
    await send({"type": "lifespan.shutdown.complete"})
