"""The application behind the proxies: says who serves and what it was asked."""

import json
import os


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await socket(receive, send)
        return
    if scope["path"] == "/events":
        fields = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    value = {
        "pid": os.getpid(),
        "body": body.decode(),
        "scheme": scope["scheme"],
        "client": scope["client"],
        "server": scope["server"],
        "headers": {name.decode(): text.decode() for name, text in scope["headers"]},
    }
    content = json.dumps(value).encode()
    fields = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": content})


async def socket(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text") or ""
        await send({"type": "websocket.send", "text": f"{os.getpid()} {text}"})
