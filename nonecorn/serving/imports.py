"""Where applications are imported from."""

from __future__ import annotations

import sys
from pathlib import Path


def importable_from(directory: str) -> None:
    """Let applications be imported from that directory before any other."""
    path = str(Path(directory).absolute())
    if path not in sys.path:
        sys.path.insert(0, path)
