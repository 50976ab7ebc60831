"""The rules a request must obey in HTTP/2 and HTTP/3, from decoded fields to a `Head`.

Both versions have the same ones: RFC 9113 section 8, whose numbers stand below, and RFC 9114
section 4. What they call malformed is a `MalformedError`: fields whose names or values may not
stand in a message (8.2.1), connection-specific ones (8.2.2), pseudo-header fields that are missing,
repeated, unknown or late (8.3), a Host that differs from `:authority` (8.3.1, CVE-2026-71554), a
`content-length` that is none. What is well-formed and still not served is answered, by a
`RemoteProtocolError` with a status. The result depends on the fields and the limits alone, so it
may be remembered.
"""
# ruff: noqa: EM101  # the reason of an error is a word for the log, not its message

from __future__ import annotations

import re
from typing import NamedTuple

from nonecorn.spi.application import Header, Headers
from nonecorn.spi.errors import ProtocolError, RemoteProtocolError
from nonecorn.spi.messages.priority import parse_priority
from nonecorn.spi.settings import Limits

# RFC 9110 section 5.6.2, less upper case (RFC 9113 section 8.2).
NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_METHOD_BYTES = NAME_BYTES + b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# VCHAR, SP, HTAB, obs-text (RFC 9110 section 5.5). RFC 9113 section 8.2.1 asks for less.
VALUE_BYTES = bytes([9, *range(32, 127), *range(128, 256)])

TARGET_BYTES = bytes(byte for byte in range(33, 127) if byte != 35)

_METHODS = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY")
}
_METHOD_SIZE = 64

# RFC 3986 section 3.2.2 and 3.2.3; RFC 9113 section 8.3.1 forbids userinfo.
_AUTHORITY = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9\-._~!$&'()*+,;=]*)*)(?::[0-9]{0,5})?"
)
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}

# Section 8.2.2. `te` has a rule of its own.
_CONNECTION_SPECIFIC = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
_SPECIAL = _CONNECTION_SPECIFIC | frozenset(
    (b"host", b"te", b"content-length", b"cookie", b"expect", b"priority")
)
_PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path", b":protocol"))

# RFC 9110 section 6.5.1: framing, routing, authentication, and what was already acted upon.
_NO_TRAILERS = _CONNECTION_SPECIFIC | frozenset(
    (
        b"host", b"te", b"content-length", b"trailer", b"expect", b"cache-control", b"max-forwards",
        b"pragma", b"range", b"authorization", b"proxy-authorization", b"cookie",
        b"content-encoding", b"content-type", b"content-range",
    )
)  # fmt: skip

_known_names: set[bytes] = set(_SPECIAL) | {
    b"accept", b"accept-encoding", b"accept-language", b"user-agent", b"content-type",
}  # fmt: skip
_KNOWN_NAMES = 512
_KNOWN_SIZE = 64


class MalformedError(ProtocolError):
    """A message is malformed: its stream is reset, and its connection goes on.

    Attributes:
        reason: A short word for the log, such as `content-length`.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"malformed: {reason}")


class TooMuchError(MalformedError):
    """It is more than anybody needs."""


class Head(NamedTuple):
    """A request's head, understood.

    Attributes:
        method: As received; that of extended CONNECT too.
        path: Without the query.
        query: Without `?`.
        headers: As a stream gets them.
        length: `content-length`, or -1.
        protocol: `:protocol` of extended CONNECT (RFC 8441), in lower case, or empty.
        expects: The client waits for 100 before it sends its body.
        priority: Value of the `priority` field, or None.
    """

    method: str
    path: bytes
    query: bytes
    headers: Headers
    length: int
    protocol: bytes
    expects: bool
    priority: tuple[int, bool] | None


def read_head(fields: Headers, limits: Limits, *, connect_protocol: bool) -> Head:
    """Understand the fields of a request.

    Args:
        fields: All of them, pseudo-header fields too, in order.
        limits: `[limits]`.
        connect_protocol: SETTINGS_ENABLE_CONNECT_PROTOCOL was sent.

    Raises:
        MalformedError: It is malformed.
        RemoteProtocolError: It is not served: 400, 413, 414, 417, 431 or 501.
    """
    pseudo: dict[bytes, bytes] = {}
    count = 0
    for name, value in fields:
        if name[:1] != b":":
            break
        if name in pseudo or name not in _PSEUDO:
            raise MalformedError("pseudo-field")
        pseudo[name] = value
        count += 1
    _check_values(fields)
    regular = fields[count:]
    if len(regular) > limits.head_fields:
        raise RemoteProtocolError(431, "too-many-fields")
    host: bytes | None = None
    length = -1
    expects = False
    priority: tuple[int, bool] | None = None
    cookies = 0
    for name, value in regular:
        if name not in _known_names:
            _check_name(name)
        elif name not in _SPECIAL:
            continue
        elif name == b"host":
            if host is not None:
                raise MalformedError("repeated-host")
            host = value
        elif name == b"cookie":
            cookies += 1
        elif name == b"content-length":
            if length >= 0 or not value.isdigit() or len(value) > 18:
                raise MalformedError("content-length")
            length = int(value)
        elif name == b"te":
            if value.lower() != b"trailers":
                raise MalformedError("te")
        elif name == b"expect":
            if value.lower() != b"100-continue":
                raise RemoteProtocolError(417, "expectation")
            expects = True
        elif name == b"priority":
            # A tunnel that does not say otherwise is incremental (RFC 9218 section 11).
            before = priority or (3, b":protocol" in pseudo)
            priority = parse_priority(value, *before)
        else:
            raise MalformedError("connection-specific")
    headers = _join_cookies(regular) if cookies > 1 else regular

    method = pseudo.get(b":method")
    protocol = pseudo.get(b":protocol")
    if method is None:
        raise MalformedError("missing-pseudo-field")
    if protocol is not None:
        # RFC 8441 section 4: the setting comes first, and only CONNECT has it.
        if method != b"CONNECT" or not connect_protocol:
            raise MalformedError("protocol")
    elif method == b"CONNECT":
        return _refuse_connect(pseudo)
    scheme = pseudo.get(b":scheme")
    target = pseudo.get(b":path")
    if scheme is None or not target:
        raise MalformedError("missing-pseudo-field")
    authority = pseudo.get(b":authority")
    if authority is not None:
        headers = _with_authority(headers, authority, host, scheme)
    elif host is None:
        # RFC 9113 section 8.3.1 with RFC 9110 section 4.2: http and https have an authority.
        raise RemoteProtocolError(400, "missing-host")
    else:
        _check_authority(host)
    if scheme not in _DEFAULT_PORTS:
        raise RemoteProtocolError(400, "scheme")
    path, query = _split_target(method, target, limits)
    if limits.body_size and length > limits.body_size:
        raise RemoteProtocolError(413, "body-too-large")
    return Head(
        _METHODS.get(method) or _other_method(method),
        path,
        query,
        headers,
        length,
        protocol.lower() if protocol else b"",
        expects,
        priority,
    )


def read_trailers(fields: Headers, limits: Limits) -> Headers:
    """Check the fields of a trailer section (RFC 9113 section 8.1).

    Raises:
        MalformedError: It is malformed.
        TooMuchError: It has too many fields.
    """
    if len(fields) > limits.head_fields:
        raise TooMuchError("too-many-trailers")
    _check_values(fields)
    for name, _ in fields:
        _check_name(name)
        if name in _NO_TRAILERS:
            raise MalformedError("trailer")
    return fields


def _check_values(fields: Headers) -> None:
    """Section 8.2.1, and no control character beyond it."""
    if b"".join([value for _, value in fields]).translate(None, VALUE_BYTES):
        raise MalformedError("control-character")
    for _, value in fields:
        if value[:1] in _SPACES or value[-1:] in _SPACES:
            raise MalformedError("white-space")


_SPACES = (b" ", b"\t")


def _check_name(name: bytes) -> None:
    """Section 8.2.1. A pseudo-header field after another one, or in trailers, fails here, too."""
    if name in _known_names:
        return
    if not name or name.translate(None, NAME_BYTES):
        raise MalformedError("field-name")
    if len(_known_names) < _KNOWN_NAMES and len(name) <= _KNOWN_SIZE:
        _known_names.add(name)


def _join_cookies(fields: Headers) -> Headers:
    """Section 8.2.3: crumbs become one field, where the first of them was."""
    crumbs = b"; ".join([value for name, value in fields if name == b"cookie"])
    joined: list[Header] = []
    for field in fields:
        if field[0] != b"cookie":
            joined.append(field)
        elif crumbs:
            joined.append((b"cookie", crumbs))
            crumbs = b""
    return joined


def _with_authority(
    headers: Headers, authority: bytes, host: bytes | None, scheme: bytes
) -> Headers:
    """The first field is `host`, made of `:authority`; a Host field has to agree (8.3.1)."""
    _check_authority(authority)
    if host is None:
        return [(b"host", authority), *headers]
    if host != authority and _normal(host, scheme) != _normal(authority, scheme):
        raise MalformedError("two-hosts")
    return [(b"host", authority), *(field for field in headers if field[0] != b"host")]


def _normal(authority: bytes, scheme: bytes) -> bytes:
    """RFC 9110 section 4.2.3: case does not matter, nor does a port that is the default."""
    return authority.lower().removesuffix(_DEFAULT_PORTS.get(scheme, b":")).removesuffix(b":")


def _check_authority(value: bytes) -> None:
    if not value or not _AUTHORITY.fullmatch(value):
        raise RemoteProtocolError(400, "bad-host")


def _refuse_connect(pseudo: dict[bytes, bytes]) -> Head:
    """Section 8.5. An origin server has no tunnels to offer (RFC 9110 section 9.3.6)."""
    if not pseudo.get(b":authority") or len(pseudo) != 2:
        raise MalformedError("connect")
    raise RemoteProtocolError(501, "method")


def _other_method(method: bytes) -> str:
    if not method or method.translate(None, _METHOD_BYTES):
        raise MalformedError("method")
    # Methods are case-sensitive (RFC 9110 section 9.1): `get` is not GET and nobody implements it.
    if len(method) > _METHOD_SIZE or (method.upper() in _METHODS):
        raise RemoteProtocolError(501, "method")
    return method.decode("ascii")


def _split_target(method: bytes, target: bytes, limits: Limits) -> tuple[bytes, bytes]:
    """Path and query (section 8.3.1)."""
    if len(target) > limits.target_size:
        raise RemoteProtocolError(414, "target-too-long")
    if target.translate(None, TARGET_BYTES):
        raise RemoteProtocolError(400, "target")
    if target[:1] != b"/":
        if target == b"*" and method == b"OPTIONS":
            return target, b""
        # Absolute form is HTTP/1.1's; there is a pseudo-header field for each part of it here.
        raise MalformedError("path")
    path, _, query = target.partition(b"?")
    return path, query
