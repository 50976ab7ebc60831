"""Memory and CPU of a server process, from Linux's /proc."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nonecorn.testing import ServeProcess

MIB = 1 << 20

needs_proc = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="memory and CPU are read from Linux's /proc"
)


class Peak:
    """The most memory that a process had since this was made.

    Args:
        server: The process.
    """

    def __init__(self, server: ServeProcess) -> None:
        self._status = Path(f"/proc/{server.pid}/status")
        Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # forget the peak: proc(5)
        self._before = self._read("VmRSS")

    def _read(self, name: str) -> int:
        lines = self._status.read_text().splitlines()
        [line] = [line for line in lines if line.startswith(f"{name}:")]
        return int(line.split()[1]) * 1024

    @property
    def grown(self) -> int:
        """Bytes beyond what the process had then, at the worst moment so far."""
        return self._read("VmHWM") - self._before


def cpu(server: ServeProcess) -> float:
    """CPU seconds that the process has used, user and system."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
