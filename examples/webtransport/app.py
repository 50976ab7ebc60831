"""WebTransport, in plain ASGI: streams both ways and datagrams, with a page that uses them.

nonecorn serve --plugin h3 --dev-tls examples/webtransport/app.py

What comes on a bidirectional stream goes back on it. For each unidirectional stream of the page's
the application opens one of its own, and says there how much has come. Datagrams go back as they
are. The page is `page.html`; it trusts the certificate that this server shows by its hash, which
browsers allow for ECDSA certificates that are valid for two weeks at most, as those of `--dev-tls`.
"""

import hashlib
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")

Message = dict[str, Any]


async def app(scope: Message, receive: Any, send: Any) -> None:
    """Serve the page, and its sessions."""
    if scope["type"] == "webtransport":
        await Session(scope, receive, send).run()
    elif scope["type"] == "http":
        await serve_page(scope, send)
    elif scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})


async def serve_page(scope: Message, send: Any) -> None:
    """The page, with the hash of the certificate that it is served with."""
    status, body = 404, b"There is one page, at /\n"
    if scope["path"] == "/":
        certificate = scope["extensions"].get("tls", {}).get("server_cert")
        digest = ""
        if certificate:
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
        status, body = 200, PAGE.replace("CERTIFICATE_HASH", digest).encode()
    kind = b"text/html; charset=utf-8" if status == 200 else b"text/plain"
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def is_own_page(scope: Message) -> bool:
    """Whether the session comes from a page of this server: browsers say where from, others do not.

    Without this any page on the web could open sessions in the name of whoever looks at it.
    """
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    return not origin or urlsplit(origin).netloc == headers[b"host"].decode("latin-1")


class Session:
    """One session: what comes is answered in the order in which it is received."""

    def __init__(self, scope: Message, receive: Any, send: Any) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.sizes: dict[int, int] = {}
        self.answers = 0

    async def run(self) -> None:
        """From the handshake to the end."""
        await self.receive()  # webtransport.connect
        if not is_own_page(self.scope):
            await self.send({"type": "webtransport.close", "status": 403})
            return
        await self.send({"type": "webtransport.accept"})
        while True:
            message = await self.receive()
            kind = message["type"]
            if kind == "webtransport.disconnect":
                return
            try:
                if kind == "webtransport.stream.open":
                    if not message["bidirectional"]:
                        self.sizes[message["stream"]] = 0
                elif kind == "webtransport.stream.receive":
                    await self.received(message)
                elif kind == "webtransport.stream.reset":
                    await self.broken_off(message)
                elif kind == "webtransport.datagram.receive":
                    await self.send({**message, "type": "webtransport.datagram.send"})
            except OSError:
                pass  # nobody reads that stream any more; others may go on

    async def received(self, message: Message) -> None:
        """Data of a stream: back, or counted."""
        stream = message["stream"]
        if stream not in self.sizes:
            await self.send({**message, "type": "webtransport.stream.send"})
            return
        self.sizes[stream] += len(message["data"])
        if message["end_stream"]:
            self.answers += 1
            answer = {"stream": f"answer {self.answers}"}
            text = f"{self.sizes.pop(stream)} bytes came".encode()
            await self.send({"type": "webtransport.stream.open", "bidirectional": False, **answer})
            await self.send(
                {"type": "webtransport.stream.send", "data": text, "end_stream": True, **answer}
            )

    async def broken_off(self, message: Message) -> None:
        """The page has given a stream up: so do we, with its own code."""
        if self.sizes.pop(message["stream"], None) is None:
            code = message["code"] or 0
            await self.send({**message, "type": "webtransport.stream.reset", "code": code})
