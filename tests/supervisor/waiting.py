"""For what tells nobody when it happens, such as the end of another's child."""

from __future__ import annotations

import time

PATIENCE = 20.0
LOOK = 0.01


def until(condition, what, patience=PATIENCE):
    """Return the seconds that it took until that held."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < patience, f"no {what} within {patience:g} s"
        time.sleep(LOOK)
    return time.monotonic() - begun
