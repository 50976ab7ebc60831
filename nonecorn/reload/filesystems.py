"""Where the system does not say that a file has changed: on file systems that are elsewhere.

A directory that a virtual machine or a container shares with its host, or one of a network, is
changed by others than this system's kernel, which then knows of nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

SILENT = frozenset({
    "9p", "afs", "ceph", "cifs", "drvfs", "lustre", "ncpfs", "nfs", "nfs4", "prl_fs", "smb3",
    "smbfs", "vboxsf", "virtiofs", "vmhgfs",
})  # fmt: skip
"""Kinds of file systems, as Linux names them; and `fuse` with all its kinds."""
_MOUNTS = "/proc/self/mountinfo"


def silent_kind(directories: Iterable[str], mounts: str = _MOUNTS) -> str:
    """The kind of file system that one of these directories is on, where changes go unsaid.

    Args:
        directories: Absolute paths.
        mounts: What is mounted where, as proc_pid_mountinfo(5) describes.

    Returns:
        Its name; empty for none, and where nothing is known (only Linux tells).
    """
    if sys.platform != "linux":
        return ""
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    kinds = dict(filter(None, map(_mount, lines)))
    for directory in directories:
        path = Path(os.path.realpath(directory))
        kind = next((kinds[at] for at in map(str, (path, *path.parents)) if at in kinds), "")
        if kind in SILENT or kind.partition(".")[0] == "fuse":
            return kind
    return ""


def _mount(line: str) -> tuple[str, str] | None:
    """Where something is mounted, and its kind."""
    place, separator, rest = line.partition(" - ")
    fields, kind = place.split(" "), rest.split(" ")[0]
    if not separator or len(fields) < 5:
        return None
    # Blanks in a path are written as octal numbers.
    at = fields[4]
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        at = at.replace(code, character)
    return at, kind
