"""The application behind the tests of HTTP/3: that of HTTP/2's, and what only they ask for."""

from __future__ import annotations

import json
import os
import time

from tests.h2.probe import HELD, app, event, respond, respond_json, route

__all__ = ["app"]


@route("/status")
async def status(scope, receive, send):
    """The status in the query, without a body."""
    await respond(send, b"", int(scope["query_string"]), headers=[(b"etag", b'"x"')])


@route("/events")
async def events(scope, receive, send):
    """One event, and another when somebody asks for `/release`."""
    HELD.append(event())
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    await HELD[-1].wait()
    await send({"type": "http.response.body", "body": b"data: 2\n\n"})


@route("/protocol")
async def protocol(scope, receive, send):
    """A page whose script says by which protocol it, and what it fetched, has come."""
    script = (
        "const say = () => performance.getEntriesByType('navigation')"
        ".concat(performance.getEntriesByType('resource')).map(e => e.nextHopProtocol).join(' ');"
        "const upload = fetch('/digest', {method: 'POST', body: new Uint8Array(1 << 20)});"
        "const texts = [...Array(20).keys()].map(n => fetch('/tag?' + n).then(r => r.text()));"
        "const stream = fetch('/download?1048576').then(r => r.arrayBuffer());"
        "Promise.all([Promise.all(texts), upload.then(r => r.json()), stream]).then(([t, u, d]) =>"
        " { document.body.textContent ="
        " `tags ${t.join(' ')}; sent ${u.size}; got ${d.byteLength}; by ${say()}` },"
        " e => { document.body.textContent = 'failed: ' + e })"
    )
    text = f"<!doctype html><title>h3</title><body><script>{script}</script></body>"
    await respond(send, text.encode(), headers=[(b"content-type", b"text/html; charset=utf-8")])


@route("/whoami")
async def whoami(scope, receive, send):
    """Which process serves whom, over what."""
    value = {"pid": os.getpid(), "client": scope["client"], "version": scope["http_version"]}
    await respond(send, json.dumps(value).encode())


@route("/upload")
async def upload(scope, receive, send):
    """The process that began it, once the whole body has come."""
    more, size = True, 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await respond_json(send, {"pid": os.getpid(), "size": size})


@route("/stall")
async def stall(scope, receive, send):
    """Keeps the loop from everything for the seconds in the query, once the body has come."""
    while (await receive()).get("more_body", False):
        pass
    time.sleep(float(scope["query_string"]))  # noqa: ASYNC251  # that is the point
    await respond(send, b"late")
