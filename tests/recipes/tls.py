"""A client that knows the certificate of these tests."""

from __future__ import annotations

import ssl


def client_context(certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.set_alpn_protocols(["http/1.1"])
    return context
