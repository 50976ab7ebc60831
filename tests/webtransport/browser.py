"""Chromium with a page of the test's own that it loads from here, in clear: a page of this machine
is a secure context. The certificate of the server is trusted by its hash, by none of the browser's
flags.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.e2e.chromium import PATIENCE, Chromium

_PAGE = """<!doctype html><meta charset="utf-8"><title>test</title><script type="module">
const hash = Uint8Array.from("HASH".match(/../g), (pair) => parseInt(pair, 16));
const connect = (path, options = {}) => new WebTransport("URL" + path, {
  serverCertificateHashes: [{algorithm: "sha-256", value: hash}], ...options});
const bytes = (text) => new TextEncoder().encode(text);
const text = (data) => new TextDecoder().decode(data);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const all = async (stream) => new Uint8Array(await new Response(stream).arrayBuffer());
const next = async (stream) => {
  const reader = stream.getReader();
  const {value} = await reader.read();
  reader.releaseLock();
  return value;
};
const say = async (stream, data) => {
  const writer = stream.getWriter();
  await writer.write(typeof data == "string" ? bytes(data) : data);
  await writer.close();
};
const hex = async (data) => Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", data)),
  (byte) => byte.toString(16).padStart(2, "0")).join("");
const told = (error) => ({name: error.name, code: error.streamErrorCode, source: error.source,
  message: error.message});
const test = async () => { SCRIPT };
const result = await test().then((value) => ({value}),
  (error) => ({error: String(error), stack: error.stack}));
await fetch("/result", {method: "POST", body: JSON.stringify(result)});
</script>"""


def certificate_hash(certificate: Path) -> str:
    """What `serverCertificateHashes` names it by."""
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    return hashlib.sha256(loaded.public_bytes(Encoding.DER)).hexdigest()


class Browser:
    """Runs scripts against a server.

    Args:
        chromium: What runs them.
        url: Of the server, as in `https://127.0.0.1:8000`.
        certificate: The server's.
    """

    def __init__(self, chromium: Chromium, url: str, certificate: Path) -> None:
        self._chromium = chromium
        self._url = url
        self._hash = certificate_hash(certificate)

    def run(self, script: str, *, on_ready: Callable[[], object] | None = None) -> Any:
        """What the body of an async function returns, as JSON has it.

        Args:
            script: The body.
            on_ready: Called when it fetches `/ready`.
        """
        page = _PAGE.replace("HASH", self._hash).replace("URL", self._url)
        page = page.replace("SCRIPT", script)
        results: list[Any] = []
        done = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # as the base has it
                if self.path == "/ready" and on_ready is not None:
                    on_ready()
                self._answer(page.encode())

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                results.append(json.loads(self.rfile.read(length)))
                self._answer(b"")
                done.set()

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        pages = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=pages.serve_forever)
        thread.start()
        try:
            with self._chromium.page() as tab:
                tab.go(f"http://127.0.0.1:{pages.server_port}/")
                assert done.wait(PATIENCE), "the page has not reported"
        finally:
            pages.shutdown()
            thread.join()
            pages.server_close()
        [result] = results
        assert "value" in result, result
        return result["value"]
