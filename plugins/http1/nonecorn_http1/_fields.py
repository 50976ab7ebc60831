"""What the fields of a request head mean for its connection: host, framing, keep-alive,
expectation, upgrade.

The result depends on the fields and the version alone.
"""

from __future__ import annotations

from typing import TypeAlias

from nonecorn.spi import Headers, Limits, RemoteProtocolError
from nonecorn_http1._rules import check_host

Fields: TypeAlias = tuple[Headers, bool, int, bool, bool, bytes]
"""Fields, keep-alive, Content-Length or -1, chunked, expects 100, Upgrade tokens (lower case)
or empty."""

_CLOSE, _KEEP_ALIVE, _UPGRADE = 1, 2, 4
_OPTIONS = {
    b"close": _CLOSE,
    b"keep-alive": _KEEP_ALIVE,
    b"Keep-Alive": _KEEP_ALIVE,
    b"Upgrade": _UPGRADE,
}


def understand(headers: Headers, special: Headers, version: str, limits: Limits) -> Fields:
    """Read the fields that concern the connection.

    Args:
        headers: All fields.
        special: Those of them that are `SPECIAL`.
        version: `1.0` or `1.1`.
        limits: `[limits]`.

    Raises:
        RemoteProtocolError: They contradict each other or ask for what cannot be: 400, 413, 417
            or 501.
    """
    host: bytes | None = None
    length = -1
    coding: bytes | None = None
    expect = b""
    upgrade = b""
    options = 0
    for name, value in special:
        if name == b"host":
            # RFC 9112 section 3.2: more than one, or an invalid one, is answered 400.
            if host is not None:
                raise RemoteProtocolError(400, "repeated-host")
            host = value
            check_host(value)
        elif name == b"connection":
            options |= _OPTIONS.get(value) or _connection_options(value)
        elif name == b"content-length":
            if length >= 0:
                raise RemoteProtocolError(400, "repeated-content-length")
            length = _content_length(value)
        elif name == b"transfer-encoding":
            coding = value.lower() if coding is None else coding + b"," + value
        elif name == b"expect":
            expect = value.lower()
        else:
            upgrade = value.lower() if not upgrade else upgrade + b"," + value.lower()
    if version == "1.1":
        if host is None:
            raise RemoteProtocolError(400, "missing-host")
        keep_alive = not options & _CLOSE
    else:
        # RFC 9112 section 9.3; RFC 9110 sections 7.8 and 10.1.1: HTTP/1.0 has neither upgrade
        # nor expectations.
        keep_alive = options & (_KEEP_ALIVE | _CLOSE) == _KEEP_ALIVE
        expect = upgrade = b""
    if coding is not None:
        # RFC 9112 section 6.1: both at once is how requests are smuggled, and HTTP/1.0 has no
        # codings.
        if length >= 0 or version == "1.0":
            raise RemoteProtocolError(400, "transfer-encoding")
        if coding != b"chunked":
            raise RemoteProtocolError(501, "transfer-encoding")
    if limits.body_size and length > limits.body_size:
        raise RemoteProtocolError(413, "body-too-large")
    if expect and expect != b"100-continue":
        raise RemoteProtocolError(417, "expectation")
    if not options & _UPGRADE:
        upgrade = b""
    return headers, keep_alive, length, coding is not None, bool(expect), upgrade


def _content_length(value: bytes) -> int:
    """The number in a Content-Length field: digits only (RFC 9112 section 6.3).

    Raises:
        RemoteProtocolError: 400.
    """
    if not value.isdigit() or len(value) > 18:  # beyond 18 digits lies no body, only overflow
        raise RemoteProtocolError(400, "content-length")
    return int(value)


def _connection_options(value: bytes) -> int:
    """What a Connection field asks for (RFC 9110 section 7.6.1)."""
    options = 0
    for item in value.lower().split(b","):
        option = item.strip(b" \t")
        if option == b"close":
            options |= _CLOSE
        elif option == b"keep-alive":
            options |= _KEEP_ALIVE
        elif option == b"upgrade":
            options |= _UPGRADE
    return options
