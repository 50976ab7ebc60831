"""Runs wrk, one thread, keep-alive, no pipelining, and reads what it reports."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench import system
from bench.errors import BenchError

_SCRIPT = Path(__file__).with_name("wrk.lua")
_TIMEOUT = "10s"
_GRACE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a client did.

    Attributes:
        requests: Responses received in full, but for those of status 400 and above.
        size: Bytes received.
        seconds: How long it took.
        errors: Failed connects, reads and writes, timeouts, and answers of status 400 and above.
        client_busy: Share of one CPU that the client used; near 1, the client was the limit.
    """

    requests: int
    size: int
    seconds: float
    errors: int
    client_busy: float


def parse(output: str, client_cpu: float, elapsed: float) -> Load:
    """Read the line that `wrk.lua` adds to wrk's output.

    Args:
        output: All that wrk printed.
        client_cpu: CPU seconds that it used.
        elapsed: Seconds that it ran, start-up included.
    """
    line = next((line for line in output.splitlines() if line.startswith('{"requests"')), None)
    if line is None:
        raise BenchError(f"wrk gave no result: {output.strip() or 'no output'}")
    report = json.loads(line)
    return Load(
        requests=report["requests"] - report["errors"]["status"],
        size=report["bytes"],
        seconds=report["microseconds"] / 1e6,
        errors=sum(report["errors"].values()),
        client_busy=client_cpu / elapsed,
    )


def run_wrk(
    url: str,
    *,
    seconds: int,
    connections: int,
    headers: tuple[tuple[str, str], ...] = (),
    body_size: int = 0,
    vary: bool = False,
    cpu: int | None = None,
) -> Load:
    """Load `url` for `seconds`.

    Args:
        url: What to ask for.
        seconds: How long.
        connections: How many at once.
        headers: Header fields besides Host.
        body_size: Bytes to post; 0 for a GET.
        vary: Whether each request has a field of its own, `X-Request-ID`, so that no two are the
            same bytes.
        cpu: Where wrk runs.

    Raises:
        BenchError: wrk is missing, fails, or does not end.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise BenchError("wrk is not installed: it is in most distributions' packages")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", _TIMEOUT]
    for name, value in headers:
        command += ["-H", f"{name}: {value}"]
    command += ["-s", str(_SCRIPT), url, "--", str(body_size), "vary" if vary else "same"]
    cpu_before, started = system.children_cpu(), time.monotonic()
    with system.on_cpu(cpu):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds + _GRACE, check=False
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"wrk did not end {_GRACE:.0f} s after its time") from None
    if done.returncode != 0:
        raise BenchError(f"wrk failed: {(done.stderr or done.stdout).strip()}")
    return parse(done.stdout, system.children_cpu() - cpu_before, time.monotonic() - started)
