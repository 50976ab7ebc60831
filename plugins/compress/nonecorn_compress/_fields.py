"""What a response's fields say about compressing it, and what they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nonecorn.spi import Header, Headers

_VARY: Header = (b"vary", b"accept-encoding")
_DIGESTS = frozenset({b"content-md5", b"digest", b"content-digest", b"repr-digest"})
"""What they are of is not what is sent (RFC 9530 sections 2 and 3)."""
_DROPPED = _DIGESTS | {b"content-length", b"accept-ranges", b"content-encoding"}
_BODILESS = frozenset({204, 205, 206, 304})
"""No content, or parts of it: 206 is about bytes of what was not compressed."""


class Fields:
    """The fields of one response, looked at once.

    Attributes:
        status: Its status.
        headers: As the application gave them, in a list.
        kind: Content type without parameters, in lower case.
        length: `Content-Length`; None without one.
        eligible: As far as they say, it may be compressed.
    """

    __slots__ = ("eligible", "headers", "kind", "length", "status", "vary")

    def __init__(self, status: int, headers: Iterable[Header]) -> None:
        self.status = status
        self.headers: Headers = list(headers)
        self.kind = b""
        self.length: int | None = None
        self.vary = False
        self.eligible = status >= 200 and status not in _BODILESS
        for name, value in self.headers:
            key = name.lower()
            if key == b"content-type":
                self.kind = value.partition(b";")[0].strip().lower()
            elif key == b"content-length":
                self.length = int(value) if value.strip().isdigit() else None
            elif key == b"content-encoding":
                if value.strip().lower() not in (b"", b"identity"):
                    self.eligible = False
            elif key == b"content-range":
                self.eligible = False
            elif key == b"cache-control":
                if b"no-transform" in value.lower():  # RFC 9111 section 5.2.2.6
                    self.eligible = False
            elif key == b"vary":
                items = {item.strip() for item in value.lower().split(b",")}
                self.vary = self.vary or b"*" in items or b"accept-encoding" in items

    def varied(self) -> Headers:
        """For a response that could have been compressed: caches are to know (RFC 9110 section
        12.5.5).
        """
        return self.headers if self.vary else [*self.headers, _VARY]

    def coded(self, coding: bytes, length: int | None) -> Headers:
        """For a response that is compressed.

        Its validator is a weak one: what is compressed twice need not be the same bytes (RFC 9110
        section 8.8.1).
        """
        headers = [
            (name, weak(value) if name.lower() == b"etag" else value)
            for name, value in self.headers
            if name.lower() not in _DROPPED
        ]
        headers.append((b"content-encoding", coding))
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        if not self.vary:
            headers.append(_VARY)
        return headers

    def not_modified(self, request: Iterable[Header]) -> Headers:
        """For a 304 to a client that has the compressed form: the validator that it was given (RFC
        9110 section 15.4.5).
        """
        known = b",".join(value for name, value in request if name == b"if-none-match")
        for index, (name, value) in enumerate(self.headers):
            if name.lower() == b"etag" and weak(value) != value and weak(value) in known:
                headers = self.varied().copy()
                headers[index] = (name, weak(value))
                return headers
        return self.headers


def weak(tag: bytes) -> bytes:
    """The weak form of an entity tag."""
    return tag if tag.startswith(b"W/") else b"W/" + tag


def matcher(types: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a content type is one of these; see `CompressOptions.types`."""
    names = [name.encode("ascii") for name in types]
    exact = frozenset(name for name in names if b"*" not in name)
    prefixes = tuple(name[:-1] for name in names if name.endswith(b"/*"))
    suffixes = tuple(name[1:] for name in names if name.startswith(b"*+"))
    known: dict[bytes, bool] = {}

    def matches(kind: bytes) -> bool:
        found = known.get(kind)
        if found is None:
            found = kind in exact or (
                # Each stream would keep a window for as long as it lasts: it takes its own name.
                kind != b"text/event-stream"
                and (kind.startswith(prefixes) or kind.endswith(suffixes))
            )
            if len(known) < 256:
                known[kind] = found
        return found

    return matches
