"""`Upgrade: h2c`: a clear connection that began with HTTP/1.1 (RFC 7540 section 3.2).

RFC 9113 no longer has it; clients do. The request that asks for it becomes stream 1, half-closed,
and is answered by HTTP/2 after the 101.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.spi import Context, Headers, Port, Protocol, RemoteProtocolError, UpgradeRequest
from nonecorn_h2._connection import H2Connection
from nonecorn_h2._errors import ConnectionFault, StreamFault
from nonecorn_h2._frame_control import check_setting
from nonecorn_h2._frames import iter_settings
from nonecorn_h2._rules import Head, read_head
from nonecorn_h2._settings import H2Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

_HTTP1_ONLY = frozenset(
    (
        b"connection", b"upgrade", b"http2-settings", b"keep-alive", b"proxy-connection",
        b"transfer-encoding", b"te", b"host", b"content-length",
    )
)  # fmt: skip
_SETTINGS_SIZE = 1024
_BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="


def accept_h2c(
    context: Context, port: Port, request: UpgradeRequest, /
) -> Callable[[], Protocol] | None:
    """See `nonecorn.spi.ProtocolUpgrade`: a request that is not in order is served by HTTP/1.1."""
    if port.tls is not None or not context.settings_of(H2Settings).upgrade:
        # RFC 7540 section 3.3: over TLS there is ALPN.
        return None
    payload = _settings_of(request.headers)
    if payload is None:
        return None
    try:
        head = _head_of(request, context)
    except (StreamFault, RemoteProtocolError):
        return None

    def make() -> Protocol:
        connection = H2Connection(context, port)
        connection.upgrade(payload, head)
        return connection

    return make


def _settings_of(headers: Headers) -> bytes | None:
    """The SETTINGS payload, where there is exactly one, and Connection lists it (3.2.1)."""
    values = [value for name, value in headers if name == b"http2-settings"]
    if len(values) != 1 or len(values[0]) > _SETTINGS_SIZE:
        return None
    options = _items(value for name, value in headers if name == b"connection")
    if b"http2-settings" not in options or b"upgrade" not in options:
        return None
    value = values[0]
    if value.translate(None, _BASE64URL):
        return None
    try:
        payload = base64.b64decode(value + b"=" * (-len(value) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(payload) % 6:
        return None
    try:
        for number, setting in iter_settings(payload):
            check_setting(number, setting)
    except ConnectionFault:
        return None
    return payload


def _items(values: Iterable[bytes]) -> set[bytes]:
    return {item.strip(b" \t").lower() for value in values for item in value.split(b",")}


def _head_of(request: UpgradeRequest, context: Context) -> Head:
    """The request as HTTP/2 would have brought it."""
    headers = request.headers
    dropped = _HTTP1_ONLY | _items(value for name, value in headers if name == b"connection")
    authority = next((value for name, value in headers if name == b"host"), b"")
    fields = [
        (b":method", request.method),
        (b":scheme", b"http"),
        (b":authority", authority),
        (b":path", request.target),
        *(field for field in headers if field[0] not in dropped),
    ]
    return read_head(fields, context.limits, connect_protocol=False)
