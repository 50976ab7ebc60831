"""Gunicorn's `ssl_context` hook, which has the last word on how connections are secured."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from nonecorn.spi import CertificateError
from nonecorn_gunicorn._hooks import hook_of


def tls_context_of(cfg: Any) -> Callable[[ssl.SSLContext], ssl.SSLContext] | None:
    """What nonecorn calls with each context it makes; None where the hook is not used."""
    hook = hook_of(cfg, "ssl_context")
    if hook is None:
        return None

    def adjust(context: ssl.SSLContext) -> ssl.SSLContext:
        try:
            found = hook(cfg, lambda: context)
        except Exception as error:
            message = f"gunicorn's hook ssl_context raised {type(error).__name__}: {error}"
            raise CertificateError(message) from error
        if not isinstance(found, ssl.SSLContext):
            message = f"gunicorn's hook ssl_context returned {found!r}, which is no SSLContext"
            raise CertificateError(message)
        return found

    return adjust
