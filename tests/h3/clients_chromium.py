"""Chromium, headless: it is told that an origin speaks QUIC, and to trust one public key."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PATIENCE = 50


def find() -> str:
    """Its path; it may be missing on a person's machine and not where CI runs."""
    path = shutil.which("chromium")
    if path is None:
        message = "chromium is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def fingerprint(certificate: Path) -> str:
    """What `--ignore-certificate-errors-spki-list` names a certificate by."""
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def dump(
    url: str,
    profile: Path,
    certificate: Path,
    *,
    quic: str | None = None,
    budget: int = 10_000,
) -> str:
    """Load a page, run its scripts, and return the document as it is then.

    Args:
        url: What to load.
        profile: Directory for all that it writes.
        certificate: The server's, which it trusts by its key.
        quic: `host:port` with which to speak QUIC at once; None: as `Alt-Svc` says.
        budget: Milliseconds of its own, virtual time.
    """
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        "--disable-sync", "--enable-quic", f"--user-data-dir={profile}",
        f"--ignore-certificate-errors-spki-list={fingerprint(certificate)}",
        "--host-resolver-rules=MAP localhost 127.0.0.1",
        f"--virtual-time-budget={budget}", "--dump-dom",
    ]  # fmt: skip
    if quic is not None:
        flags.append(f"--origin-to-force-quic-on={quic}")
    done = subprocess.run(
        [find(), *flags, url],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "HOME": str(profile)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.decode()
