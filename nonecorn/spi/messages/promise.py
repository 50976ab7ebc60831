"""Server push: the request of which an application has the response promised (RFC 9113 section
8.4, RFC 9114 section 4.6).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nonecorn.spi.application import Header, Headers
from nonecorn.spi.errors import LocalProtocolError
from nonecorn.spi.messages.request import TARGET_BYTES, Head
from nonecorn.spi.messages.response import DROPPED, checked_fields


class Promise(NamedTuple):
    """A GET of our own making.

    Attributes:
        fields: As the client gets them, pseudo-header fields too.
        head: As it is served.
    """

    fields: Headers
    head: Head


def make_promise(
    target: bytes, headers: Iterable[Header], *, scheme: str, authority: bytes
) -> Promise:
    """Make the request that a push answers.

    Args:
        target: Path, and maybe query.
        headers: The application's, for the request.
        scheme: The connection's.
        authority: That of the request beside whose response it is promised.

    Raises:
        LocalProtocolError: The target or a header may not stand in a request.
    """
    if target[:1] != b"/" or target.translate(None, TARGET_BYTES):
        message = f"{target!r} is no path to push"
        raise LocalProtocolError(message)
    fields = [field for field in checked_fields(headers) if field[0] not in DROPPED]
    pseudo: Headers = [
        (b":method", b"GET"),
        (b":scheme", scheme.encode()),
        (b":authority", authority),
        (b":path", target),
    ]
    path, _, query = target.partition(b"?")
    head = Head("GET", path, query, [(b"host", authority), *fields], -1, b"", False, None)
    return Promise(pseudo + fields, head)
