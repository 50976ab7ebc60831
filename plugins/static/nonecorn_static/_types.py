"""Content types by suffix: the same on every system, whatever its own tables say."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable

_MORE = {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".gz": "application/gzip",
    ".ico": "image/x-icon",
    ".js": "text/javascript",  # RFC 9239
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".yaml": "application/yaml",  # RFC 9512
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}

UNKNOWN = b"application/octet-stream"


class Types:
    """The content types of one directory.

    Args:
        more: `.suffix=type/subtype`; these win.
    """

    __slots__ = ("_types",)

    def __init__(self, more: Iterable[str] = ()) -> None:
        known = mimetypes.MimeTypes().types_map  # built in: without the files of the system
        types = {**known[1], **_MORE}
        for entry in more:
            suffix, _, kind = entry.partition("=")
            types[suffix.lower()] = kind
        self._types = {suffix: _with_charset(kind) for suffix, kind in types.items()}

    def __repr__(self) -> str:
        return f"<Types {len(self._types)}>"

    def of(self, name: str) -> bytes:
        """The content type of a file."""
        _, dot, suffix = name.rpartition(".")
        return self._types.get(f".{suffix.lower()}", UNKNOWN) if dot else UNKNOWN


def _with_charset(kind: str) -> bytes:
    # Files of today are in UTF-8; without this, browsers take those of text for something older.
    if kind.startswith("text/") and "charset" not in kind:
        kind += "; charset=utf-8"
    return kind.encode("ascii")
