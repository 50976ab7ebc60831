"""The resident memory of another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHEAP = sys.platform == "linux"
"""It is read from a file; elsewhere a program is run."""


def resident(process: int) -> int:
    """Bytes of a process in memory; 0 where that is not known, as of one that has ended."""
    try:
        if CHEAP:
            pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        done = subprocess.run(  # noqa: S603  # a number
            ["ps", "-o", "rss=", "-p", str(process)],  # noqa: S607  # POSIX has it
            capture_output=True,
            check=False,
            timeout=5,
        )
        return int(done.stdout or b"0") * 1024
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return 0
