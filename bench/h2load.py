"""Runs h2load, nghttp2's client, on one thread, and reads what it prints."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from bench import system
from bench.errors import BenchError
from bench.load import Load

_GRACE = 30.0
_TIME = re.compile(r"^finished in ([0-9.]+)(us|ms|s|m), ", re.MULTILINE)
_REQUESTS = re.compile(r"^requests: .* ([0-9]+) succeeded, ([0-9]+) failed, ", re.MULTILINE)
_DATA = re.compile(r"^traffic: .*\(([0-9]+)\) data$", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def parse(output: str, client_cpu: float, elapsed: float) -> Load:
    """Read the summary at the end of h2load's output.

    Args:
        output: All that h2load printed.
        client_cpu: CPU seconds that it used.
        elapsed: Seconds that it ran, start-up included.
    """
    took, requests, data = (each.search(output) for each in (_TIME, _REQUESTS, _DATA))
    if took is None or requests is None or data is None:
        raise BenchError(f"h2load gave no result: {output.strip() or 'no output'}")
    return Load(
        requests=int(requests[1]),
        size=int(data[1]),
        seconds=float(took[1]) * _SECONDS[took[2]],
        errors=int(requests[2]),
        client_busy=client_cpu / elapsed,
    )


def run_h2load(
    url: str,
    *,
    seconds: int,
    connections: int,
    streams: int,
    body: Path | None = None,
    urls: Path | None = None,
    cpu: int | None = None,
) -> Load:
    """Load `url` for `seconds`; without TLS by prior knowledge (RFC 9113 section 3.3).

    Its windows are so large (1 GiB) that they never hold a server back.

    Args:
        url: What to ask for, or where the file's URLs are to be asked for.
        seconds: How long.
        connections: How many at once.
        streams: How many requests at once on each.
        body: A file to post; None for a GET.
        urls: A file of URLs, which each connection asks for in turn.
        cpu: Where h2load runs.

    Raises:
        BenchError: h2load is missing, fails, or does not end.
    """
    h2load = shutil.which("h2load")
    if h2load is None:
        raise BenchError("h2load is not installed: most distributions package it with nghttp2")
    command = [h2load, "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
    if body is not None:
        command += ["-d", str(body)]
    command += [f"--base-uri={url}", "-i", str(urls)] if urls is not None else [url]
    cpu_before, started = system.children_cpu(), time.monotonic()
    with system.on_cpu(cpu):
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=seconds + _GRACE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"h2load did not end {_GRACE:.0f} s after its time") from None
    if done.returncode != 0:
        raise BenchError(f"h2load failed: {(done.stderr or done.stdout).strip()}")
    return parse(done.stdout, system.children_cpu() - cpu_before, time.monotonic() - started)
