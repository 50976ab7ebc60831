"""What an entry `use = "static"` may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nonecorn.spi import Unit, setting

_VALUE = re.compile(r"[\t\x20-\x7e]*")
_TYPE = re.compile(r"\.[^/\s=]+=[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[\x20-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticOptions:
    """Options of the middleware."""

    directory: str = setting("", help="Whose files are served.", is_path=True)
    prefix: str = setting("/static", help="Path that they are served below; / for all paths.")
    exclude: tuple[str, ...] = setting((), help="Paths below it that are the application's alone.")
    index: tuple[str, ...] = setting(("index.html",), help="File served for its directory.")
    fallback: str = setting(
        "", help="File served to browsers for paths where there is none: a single page's."
    )
    fallthrough: bool = setting(
        True, help="The application answers where there is no file; otherwise 404."
    )
    cache_control: str = setting("no-cache", help="Cache-Control of files; empty for none.")
    immutable: tuple[str, ...] = setting(
        (), help="Files that never change, as patterns: assets/*, *.min.js. Cached for a year."
    )
    precompressed: bool = setting(True, help="Serve file.zst, file.br, file.gz for file.")
    types: tuple[str, ...] = setting((), help="Content types by suffix: .glb=model/gltf-binary.")
    dotfiles: bool = setting(
        False, help="Serve names that begin with a dot, not .well-known alone."
    )
    symlinks: bool = setting(False, help="Follow links that lead out of the directory.")
    recheck: float = setting(
        1.0, help="Time for which a file is taken to be as it was.", unit=Unit.SECONDS, minimum=0
    )
    memory: int = setting(
        16 << 20, help="For small files, kept to be sent at once.", unit=Unit.BYTES, minimum=0
    )

    def __post_init__(self) -> None:
        if not self.directory:
            message = "there is nothing to serve: give directory"
            raise ValueError(message)
        if not Path(self.directory).is_dir():
            what = "is no directory" if Path(self.directory).exists() else "does not exist"
            message = f"directory = {self.directory!r} {what}"
            raise ValueError(message)
        for path in (self.prefix, *self.exclude):
            if not path.startswith("/"):
                message = f"{path!r} is no path: it begins with no slash"
                raise ValueError(message)
        for name in (*self.index, *((self.fallback,) if self.fallback else ())):
            if name.startswith("/") or ".." in name.split("/"):
                message = f"{name!r} is no name of a file in the directory"
                raise ValueError(message)
        if self.fallback and not (Path(self.directory) / self.fallback).is_file():
            message = f"fallback = {self.fallback!r} is no file in {self.directory}"
            raise ValueError(message)
        if not _VALUE.fullmatch(self.cache_control):
            message = f"cache_control = {self.cache_control!r} cannot be in a field"
            raise ValueError(message)
        for entry in self.types:
            if not _TYPE.fullmatch(entry):
                message = f"types: {entry!r} is none: write .suffix=type/subtype"
                raise ValueError(message)
