"""CPU time of a command from start to end: the interpreter, the imports, the help text."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import system
from bench.errors import BenchError
from bench.fleet import ROOT
from bench.results import Sample

_RUNS = 5
_TIMEOUT = 60.0
BARE = "python -c pass"


def _script(name: str) -> list[str]:
    """Return how a person calls `name`: by its console script, if it has one."""
    script = Path(sys.executable).with_name(name)
    return [str(script)] if script.exists() else [sys.executable, "-m", name]


COMMANDS: dict[str, list[str]] = {
    BARE: [sys.executable, "-c", "pass"],
    "nonecorn --help": [*_script("nonecorn"), "--help"],
    "nonecorn serve --help": [*_script("nonecorn"), "serve", "--help"],
    "uvicorn --help": [*_script("uvicorn"), "--help"],
    "granian --help": [*_script("granian"), "--help"],
    "hypercorn --help": [*_script("hypercorn"), "--help"],
}


def measure_command(command: Sequence[str], cpu: int | None) -> Sample:
    """Run `command` a few times on CPU `cpu` and take the median of its CPU time.

    Raises:
        BenchError: It fails, or does not end.
    """
    values = []
    for _ in range(_RUNS):
        before = system.children_cpu()
        with system.on_cpu(cpu):
            try:
                done = subprocess.run(
                    command,
                    cwd=ROOT,
                    env=system.environment(),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=_TIMEOUT,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise BenchError(f"does not end within {_TIMEOUT:.0f} s") from None
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise BenchError(f"exit code {done.returncode}: {last}")
        values.append((system.children_cpu() - before) * 1e3)
    return Sample(values={"cpu": statistics.median(values)})
