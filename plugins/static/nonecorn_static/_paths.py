"""From a request's path to a name below the directory, or to nothing.

What is looked for in the file system is decided by the text alone: only segments that are plain
names come that far. So there is nothing to normalise, and nothing that two parties could normalise
differently: `a//b`, `a/./b` and `a/../b` are no other spellings of a file, they are not there.
Where the name leads, through links, is looked at when the file is (`_files`).
"""

from __future__ import annotations

import os
import re

_CONTROLS = re.compile("[\x00-\x1f\x7f�]")
"""NUL and its like, and what was no UTF-8."""

_DEVICES = re.compile(
    r"(?i)(?:aux|con|conin\$|conout\$|nul|prn|(?:com|lpt)[0-9¹²³])[ .:]*(?:\..*)?"
)
"""Names that Windows opens as devices, in any directory and with any suffix."""

_WINDOWS_SPECIAL = re.compile(r'[\\:*?"<>|]|[ .]\Z')
"""Separators, streams and drives, wildcards, and ends that Windows drops from names."""


def safe_name(path: str, *, dotfiles: bool, windows: bool = os.name == "nt") -> str | None:
    """The name of a file or directory, relative to the one that is served.

    Args:
        path: Decoded, without the slash that it begins with. It may end in one.
        dotfiles: Names may begin with a dot.
        windows: By the rules of Windows' file systems.

    Returns:
        The same without a slash at its end; None for what is not to be looked for.
    """
    name = path.removesuffix("/")
    if not name:
        return None if path == "/" else ""
    if _CONTROLS.search(name):
        return None
    for segment in name.split("/"):
        if segment in ("", ".", ".."):
            return None
        if segment[0] == "." and not dotfiles and segment != ".well-known":  # RFC 8615
            return None
        if windows and (_WINDOWS_SPECIAL.search(segment) or _DEVICES.fullmatch(segment)):
            return None
    return name
