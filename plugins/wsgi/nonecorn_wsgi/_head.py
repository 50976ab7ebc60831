"""Response heads: from what `start_response` was called with to what ASGI takes, checked.

PEP 3333 asks servers to find errors at that time, while the application can still tell where they
come from. Heads are remembered: applications answer with the same few again and again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from nonecorn.spi import Header, LocalProtocolError

HOP_BY_HOP = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "trailers", "transfer-encoding", "upgrade",
    )
)  # fmt: skip
"""The server's own (PEP 3333, "Other HTTP Features"; RFC 2616 section 13.5.1)."""

_STATUS = re.compile(r"[2-9][0-9]{2}(?: [^\x00-\x1f\x7f]*)?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DIGITS = re.compile(r"[0-9]+")

_MOST = 256
_MOST_FIELDS = 32
_MOST_SIZE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A response's status and fields.

    Attributes:
        status: Status code.
        headers: Encoded fields.
        length: What Content-Length says; -1 where there is none.
    """

    status: int
    headers: tuple[Header, ...]
    length: int


_remembered: dict[Any, Head] = {}


def make_head(status: Any, headers: Any) -> Head:
    """Check and encode the arguments of `start_response`.

    Raises:
        LocalProtocolError: PEP 3333 or HTTP does not allow them.
    """
    try:
        key = (status, *headers)
        found = _remembered.get(key)
    except TypeError:
        key, found = None, None
    if found is None:
        found = _make(status, headers)
        if key is not None and _is_small(found):
            if len(_remembered) >= _MOST:
                _remembered.clear()
            _remembered[key] = found
    return found


def _is_small(head: Head) -> bool:
    headers = head.headers
    return len(headers) <= _MOST_FIELDS and all(len(value) <= _MOST_SIZE for _, value in headers)


def _make(status: Any, headers: Any) -> Head:
    if not isinstance(status, str):
        message = f"start_response: the status is a string such as '200 OK', not {status!r}"
        raise LocalProtocolError(message)
    if not _STATUS.fullmatch(status):
        message = (
            f"start_response: {status!r} is no status: three digits from 200 on, a space, "
            "a reason without control characters"
        )
        raise LocalProtocolError(message)
    length = -1
    fields: list[Header] = []
    if not isinstance(headers, list | tuple):
        message = f"start_response: the headers are a list of pairs, not {headers!r}"
        raise LocalProtocolError(message)
    for header in headers:
        name, value = _field(header)
        if name == "content-length":
            length = _length(value, length)
        fields.append((name.encode("latin-1"), value.encode("latin-1")))
    return Head(status=int(status[:3]), headers=tuple(fields), length=length)


def _field(header: Any) -> tuple[str, str]:
    """A pair of native strings, the name in lower case."""
    try:
        name, value = header
    except (TypeError, ValueError):
        message = f"start_response: {header!r} is no header: a pair (name, value) is"
        raise LocalProtocolError(message) from None
    if not isinstance(name, str) or not isinstance(value, str):
        message = f"start_response: the header {header!r} is not a pair of strings"
        raise LocalProtocolError(message)
    if not _TOKEN.fullmatch(name):
        message = f"start_response: {name!r} is no header name (RFC 9110 section 5.1)"
        raise LocalProtocolError(message)
    lower = name.lower()
    if lower in HOP_BY_HOP:
        message = f"start_response: {name!r} is the server's own, not the application's (PEP 3333)"
        raise LocalProtocolError(message)
    if _CONTROL.search(value):
        message = f"start_response: the value of {name!r} has a control character in it: {value!r}"
        raise LocalProtocolError(message)
    if not value.isascii() and not _is_latin_1(value):
        message = f"start_response: the value of {name!r} has more than latin-1 in it: {value!r}"
        raise LocalProtocolError(message)
    return lower, value


def _is_latin_1(text: str) -> bool:
    return max(text) <= "\xff"


def _length(value: str, before: int) -> int:
    if not _DIGITS.fullmatch(value.strip()):
        message = f"start_response: Content-Length {value!r} is not a number of bytes"
        raise LocalProtocolError(message)
    length = int(value)
    if before not in (-1, length):
        message = f"start_response: two Content-Lengths, {before} and {length}"
        raise LocalProtocolError(message)
    return length
