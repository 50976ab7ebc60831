"""The ASGI scope of a request, a socket or a session: what all of them have."""

from __future__ import annotations

import typing
from typing import Any
from urllib.parse import unquote

from nonecorn.spi.observer import RECORD

if typing.TYPE_CHECKING:
    from nonecorn.spi.application import Headers
    from nonecorn.spi.context import Context
    from nonecorn.spi.runtime import Connection


def build_scope(
    kind: str,
    spec_version: str,
    context: Context,
    port: Connection,
    version: str,
    raw_path: bytes,
    query: bytes,
    headers: Headers,
    extensions: dict[str, Any],
    /,
) -> dict[str, Any]:
    """Make a scope, to which a stream adds what only its kind has. Positional and flat: it is
    called once per request.

    Args:
        kind: `type`.
        spec_version: Of the specification of that type.
        context: The listener's.
        port: The connection.
        version: See `nonecorn.spi.StreamFactory`; `raw_path`, `query` and `headers`, too.
        raw_path: Its percent- and UTF-8-decoded form is `path`, where bytes that are no UTF-8
            become U+FFFD.
        query: As above.
        headers: As above.
        extensions: What the stream offers, in a dictionary of its own; TLS facts and `RECORD` come
            to it here.
    """
    if port.tls is not None:
        extensions["tls"] = port.tls.extension
    if context.observers.request_finished:
        extensions[RECORD] = {}
    path = raw_path.decode("latin-1")
    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": spec_version},
        "http_version": version,
        "scheme": context.scheme,
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": context.root_path,
        "headers": headers,
        "client": port.client,
        "server": port.server,
        "extensions": extensions,
    }
    if context.state is not None:
        scope["state"] = context.state.copy()
    return scope
