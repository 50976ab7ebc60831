"""Chromium, headless: one process and one tab for many tests, driven over the DevTools protocol.

Each test has origins of its own, since its servers have ports of their own; what it leaves behind
besides is cleared away. A process for each would cost ten times as much.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.sync.client import connect

PATIENCE = 50
"""Seconds that it may take for one thing."""
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--disable-sync", "--in-process-gpu", "--remote-debugging-port=0",
    # A page that was left is gone, and none is made ready before it is asked for.
    "--disable-features=BackForwardCache,SpareRendererForSitePerProcess",
)  # fmt: skip
_LOADED = """
document.readyState == "complete" || new Promise((done) => addEventListener("load", done))
"""


def find() -> str:
    """Its path; it may be missing on a person's machine and not where CI runs."""
    path = shutil.which("chromium")
    if path is None:
        message = "chromium is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def trusting(certificate: Path) -> str:
    """The flag by which it trusts whoever has a certificate's key."""
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return f"--ignore-certificate-errors-spki-list={fingerprint}"


class Chromium:
    """The process; a context manager.

    Args:
        profile: Directory for all that it writes.
        *flags: Further ones.
    """

    def __init__(self, profile: Path, *flags: str) -> None:
        self._command = [find(), *_FLAGS, f"--user-data-dir={profile}", *flags, "about:blank"]
        self._home = str(profile)
        self._stack = ExitStack()
        self._count = 0

    def __repr__(self) -> str:
        return f"<Chromium {self._home}>"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            process = subprocess.Popen(
                self._command,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "HOME": self._home},
                start_new_session=True,
            )
            stack.enter_context(process)
            stack.callback(os.killpg, process.pid, signal.SIGKILL)
            assert process.stderr is not None
            lines = (re.search(r"listening on (ws://\S+)", line) for line in process.stderr)
            address = next(found[1] for found in lines if found)
            # What else it has to say must not fill the pipe.
            rest = threading.Thread(target=process.stderr.read, daemon=True)
            rest.start()
            # Pings would come from a thread, and disturb tests of what draws random numbers.
            options = {"proxy": None, "max_size": None, "ping_interval": None}
            self._socket = stack.enter_context(connect(address, **options))
            [target] = self.ask("Target.getTargets", filter=[{"type": "page"}])["targetInfos"]
            found = self.ask("Target.attachToTarget", flatten=True, targetId=target["targetId"])
            self._page = Page(self, found["sessionId"])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def page(self) -> Iterator[Page]:
        """The tab, which is left empty afterwards."""
        try:
            yield self._page
        finally:
            self._page.go("about:blank")
            self.ask("Storage.clearCookies")

    def ask(self, method: str, session: str | None = None, **fields: Any) -> dict[str, Any]:
        """One command of the protocol; what it returns."""
        self._count += 1
        task = {"id": self._count, "method": method, "params": fields}
        self._socket.send(json.dumps({**task, "sessionId": session} if session else task))
        while (told := json.loads(self._socket.recv(PATIENCE))).get("id") != self._count:
            pass
        assert "result" in told, (method, told)
        return told["result"]


class Page:
    """The tab; see `Chromium.page`."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session

    def __repr__(self) -> str:
        return f"<Page {self._session}>"

    def go(self, url: str) -> None:
        """Navigate, and return when that page has taken the place of the one before."""
        found = self._browser.ask("Page.navigate", self._session, url=url)
        assert "errorText" not in found, (url, found)

    def load(self, url: str) -> str:
        """Navigate, and return the document when all of it was loaded and its scripts have run."""
        self.go(url)
        self.run(_LOADED)
        return self.run("document.documentElement.outerHTML")

    def run(self, expression: str) -> Any:
        """The value of an expression, or what its promise comes to."""
        found = self._browser.ask(
            "Runtime.evaluate",
            self._session,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")
