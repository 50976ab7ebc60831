"""The rules a request head must obey, checked on its bytes before any parser sees them.

h11 and llhttp each let through what the other refuses (bare LF, obs-fold, several Host fields,
control characters, HTTP/2.0, …), and what one server of a chain accepts and the next reads
differently is how requests are smuggled. So acceptance is decided here, once for every engine:
these checks admit a strict subset of RFC 9112, and the engine's parser can only narrow it
further. Whatever is refused is refused with `RemoteProtocolError`, whose `reason` goes to the
log and never to the peer.
"""

from __future__ import annotations

import re

from nonecorn.spi import Headers, Limits, RemoteProtocolError

# RFC 9110 section 5.6.2
TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# Everything that may stand in a field line: VCHAR, SP, HTAB, obs-text (RFC 9110 section 5.5).
LINE_BYTES = bytes([9, *range(32, 127), *range(128, 256)])

# VCHAR (RFC 9112 section 3.2), but for #: a fragment is never sent. Stricter characters of RFC
# 3986 are not asked for, since browsers send some of the others.
_TARGET_BYTES = bytes(byte for byte in range(33, 127) if byte != 35)

_METHODS = {
    name.encode(): name
    for name in (
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY",
        "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",
        "PURGE",
    )
}  # fmt: skip
_METHOD_SIZE = 64

# RFC 3986 section 3.2.2 and 3.2.3 without userinfo, which RFC 9110 section 4.2.4 lets us treat
# as an error.
_AUTHORITY = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9\-._~!$&'()*+,;=]*)*)(?::[0-9]{0,5})?"
)
_HTTP_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
_known_hosts: set[bytes] = set()
_KNOWN_HOSTS = 256


def check_line(line: bytes) -> None:
    """Check the bytes of one field line, without its line end.

    Raises:
        RemoteProtocolError: 400.
    """
    # CR and LF are among what is refused. RFC 9112 section 2.2: a recipient may take a bare LF
    # for a line end; one that does disagrees with one that does not. The same section forbids
    # bare CR.
    if line.translate(None, LINE_BYTES):
        raise RemoteProtocolError(400, "control-character")
    # RFC 9112 section 5.2: obs-fold outside of message/http is refused.
    if line[:1] in (b" ", b"\t", b""):
        raise RemoteProtocolError(400, "line-folding")


def split_request_line(line: bytes, limits: Limits) -> tuple[str, bytes, str]:
    """Take a request line apart: method, target, version `1.0` or `1.1` (RFC 9112 section 3).

    Raises:
        RemoteProtocolError: 400, 414, 501 or 505.
    """
    try:
        raw_method, target, version = line.split(b" ")
    except ValueError:
        raise RemoteProtocolError(
            414 if len(line) > limits.target_size + _METHOD_SIZE else 400, "request-line"
        ) from None
    method = _METHODS.get(raw_method) or _other_method(raw_method)
    if len(target) > limits.target_size:
        raise RemoteProtocolError(414, "target-too-long")
    if version == b"HTTP/1.1":
        return method, target, "1.1"
    if version == b"HTTP/1.0":
        return method, target, "1.0"
    match = _HTTP_VERSION.fullmatch(version)
    # RFC 9110 section 15.6.6 for a version that we could name; HTTP/2 and later have no text
    # form at all.
    raise RemoteProtocolError(505 if match and match[1] == b"1" else 400, "version")


def _other_method(raw: bytes) -> str:
    if not raw or raw.translate(None, TOKEN_BYTES):
        raise RemoteProtocolError(400, "method")
    # Methods are case-sensitive (RFC 9110 section 9.1): `get` is not GET and nobody implements
    # it. CONNECT asks for a tunnel that an origin server does not offer (section 9.3.6).
    if (
        len(raw) > _METHOD_SIZE
        or raw == b"CONNECT"
        or (raw.upper() in _METHODS and raw not in _METHODS)
    ):
        raise RemoteProtocolError(501, "method")
    return raw.decode("ascii")


def split_target(method: str, target: bytes) -> tuple[bytes, bytes, bytes | None]:
    """Path, query, and the authority of an absolute-form target (RFC 9112 section 3.2).

    Raises:
        RemoteProtocolError: 400.
    """
    if target.translate(None, _TARGET_BYTES):
        raise RemoteProtocolError(400, "target")
    if target[:1] == b"/":
        path, _, query = target.partition(b"?")
        return path, query, None
    if target == b"*":
        # Section 3.2.4: asterisk-form is only used for a server-wide OPTIONS.
        if method != "OPTIONS":
            raise RemoteProtocolError(400, "target")
        return target, b"", None
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise RemoteProtocolError(400, "target")
    rest, _, query = rest.partition(b"?")
    authority, slash, path = rest.partition(b"/")
    if not authority:
        raise RemoteProtocolError(400, "target")
    check_host(authority)
    if not slash and method == "OPTIONS" and not query:
        # Section 3.2.4: what a proxy makes of it when it forwards to the origin.
        return b"*", b"", authority
    return b"/" + path, query, authority


def check_host(value: bytes) -> None:
    """Check a Host field's value or an authority (RFC 9110 section 7.2).

    Raises:
        RemoteProtocolError: 400.
    """
    if value in _known_hosts:
        return
    if not _AUTHORITY.fullmatch(value):
        raise RemoteProtocolError(400, "bad-host")
    if len(_known_hosts) < _KNOWN_HOSTS and len(value) < _KNOWN_HOSTS:
        _known_hosts.add(value)


# Fields that may not come in a trailer section, since they would change framing, routing,
# authentication or the meaning of what was already acted upon (RFC 9110 section 6.5.1).
_NO_TRAILERS = frozenset(
    (
        b"transfer-encoding", b"content-length", b"host", b"connection", b"upgrade", b"te",
        b"trailer", b"expect",
        b"cache-control", b"max-forwards", b"pragma", b"range", b"authorization",
        b"proxy-authorization",
        b"cookie", b"content-encoding", b"content-type", b"content-range", b"keep-alive",
        b"proxy-connection",
    )
)  # fmt: skip


def trailer_fields(section: bytes, limits: Limits) -> Headers:
    """The fields of a trailer section: the lines without the empty one (RFC 9112 section 7.1.2).

    Raises:
        RemoteProtocolError: 400 or 431.
    """
    lines = section.split(b"\r\n")[:-1]
    if len(lines) > limits.head_fields:
        raise RemoteProtocolError(431, "too-many-trailers")
    headers: Headers = []
    for line in lines:
        check_line(line)
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or not name or name.translate(None, TOKEN_BYTES) or name in _NO_TRAILERS:
            raise RemoteProtocolError(400, "trailer")
        headers.append((name, value.strip(b" \t")))
    return headers
