"""An application in plain ASGI: a page, a stream, an upload that comes back, and lifespan state.

    nonecorn serve examples/hello/app.py

It needs nothing but Python, and works on every worker: all it awaits is `receive` and `send`.
"""

import time

PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>nonecorn</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<h1>It serves.</h1>
<p id="script">The script did not run.</p>
<ul>
<li><a href="/stream">a response in ten pieces</a></li>
<li><a href="/state">what the application knows of itself</a></li>
<li><code>curl --data-binary @FILE http://HOST/echo</code> sends a file there and back</li>
</ul>
<script src="/script.js"></script>
</body>
</html>
"""
STYLE = b"body { font: 1.1rem/1.6 system-ui, sans-serif; margin: 4rem auto; max-width: 36rem }\n"
SCRIPT = b"document.getElementById('script').textContent = 'The script ran.';\n"
FILES = {
    "/": (b"text/html; charset=utf-8", PAGE),
    "/style.css": (b"text/css", STYLE),
    "/script.js": (b"text/javascript", SCRIPT),
}


async def app(scope, receive, send):
    """Answer by scope type and path."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] != "http":
        raise RuntimeError(f"this application does not speak {scope['type']}")
    elif scope["path"] in FILES:
        await respond(send, 200, *FILES[scope["path"]])
    elif scope["path"] == "/stream":
        await stream(send)
    elif scope["path"] == "/echo":
        await echo(receive, send)
    elif scope["path"] == "/state":
        tally = scope["state"]["tally"]
        tally["requests"] += 1
        text = f"{tally['requests']} since {tally['started']}\n"
        await respond(send, 200, b"text/plain", text.encode())
    else:
        await respond(send, 404, b"text/plain", b"There is nothing here.\n")


async def lifespan(scope, receive, send):
    """Begin and end; what is put into the state is in the scope of every request."""
    await receive()
    # A request gets a shallow copy of the state: what all share is an object in it.
    scope["state"]["tally"] = {"started": time.strftime("%H:%M:%S"), "requests": 0}
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def respond(send, status, content_type, body):
    """One response of known length."""
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def stream(send):
    """Ten lines, each its own message; `send` waits while the client takes no more."""
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(1, 11):
        line = b"piece %d of 10\n" % number
        await send({"type": "http.response.body", "body": line, "more_body": number < 10})


async def echo(receive, send):
    """Send the request's body back as it comes in: neither is ever held as a whole."""
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
        await send(
            {"type": "http.response.body", "body": message.get("body", b""), "more_body": more}
        )
