"""What an entry `use = "compress"` may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nonecorn.spi import Unit, setting

CODINGS = ("zstd", "br", "gzip")
"""All that there are, the best first: of what a millisecond of CPU saves in bytes."""

TYPES = (
    "text/*",
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/wasm",
    "application/x-ndjson",
    "application/xml",
    "*+json",
    "*+xml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/x-icon",
)
"""What becomes smaller. Most images, fonts, audio and video are compressed already."""

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/(?:\*|[a-z0-9!#$&^_.+-]+)|\*\+[a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressOptions:
    """Options of the middleware."""

    codings: tuple[str, ...] = setting(
        (), help="zstd, br, gzip: the best first; by default all that are installed."
    )
    types: tuple[str, ...] = setting(
        TYPES, help="Content types: type/subtype, type/* (but event streams), *+suffix."
    )
    minimum_size: int = setting(
        1024, help="Responses known to be smaller stay as they are.", unit=Unit.BYTES, minimum=0
    )
    gzip_level: int = setting(5, help="From 1, fast, to 9, small.", minimum=1)
    brotli_quality: int = setting(4, help="From 0, fast, to 11, small.", minimum=0)
    zstd_level: int = setting(3, help="From 1, fast, to 19, small.", minimum=1)

    def __post_init__(self) -> None:
        for name in self.codings:
            if name not in CODINGS:
                message = f"codings: {name!r} is none of {', '.join(CODINGS)}"
                raise ValueError(message)
        for name in self.types:
            if not _TYPE.fullmatch(name):
                message = f"types: {name!r} is no type: write text/html, text/* or *+json"
                raise ValueError(message)
        for name, most in (("gzip_level", 9), ("brotli_quality", 11), ("zstd_level", 19)):
            if getattr(self, name) > most:
                message = f"{name} = {getattr(self, name)} is too large: at most {most}"
                raise ValueError(message)
