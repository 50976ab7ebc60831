"""For what tells nobody when it happens, such as the end of another's child."""

from __future__ import annotations

import time
from pathlib import Path

PATIENCE = 20.0
LOOK = 0.01


def until(condition, what, patience=PATIENCE):
    """Return the seconds that it took until that held."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < patience, f"no {what} within {patience:g} s"
        time.sleep(LOOK)
    return time.monotonic() - begun


def held_up(pid):
    """Seconds that the first thread of a process was ready to run and had no processor.

    The other tests' share, where one bounds how long something takes; 0 where no one counts it.
    """
    try:
        text = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(text.split()[1]) / 1e9
