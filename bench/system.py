"""The machine: which CPU runs what, priority, limits, and the facts that belong beside a figure."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PRIORITY = -15
_PACKAGES = (
    "nonecorn", "uvicorn", "granian", "gunicorn", "hypercorn", "httptools", "h11", "uvloop", "trio",
    "wsproto", "websockets",
)  # fmt: skip
# Nothing that could tune one server: WEB_CONCURRENCY, GRANIAN_*, PYTHONASYNCIODEBUG, ...
_KEEP = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The CPUs of servers and of clients; None where nothing is pinned."""

    server: int | None = None
    client: int | None = None

    @classmethod
    def choose(cls, *, pin: bool) -> Placement:
        """Give servers the first allowed CPU and clients the second; with only one, pin nobody."""
        allowed = sorted(os.sched_getaffinity(0))
        if not pin or len(allowed) < 2:
            return cls()
        return cls(server=allowed[0], client=allowed[1])

    def __str__(self) -> str:
        if self.server is None:
            return "not pinned"
        return f"servers on CPU {self.server}, clients on CPU {self.client}"


@contextlib.contextmanager
def on_cpu(cpu: int | None) -> Iterator[None]:
    """Run the body on `cpu`; processes started in it stay there, with threads and children."""
    if cpu is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_priority() -> bool:
    """Put this process, and so all that it starts, before the machine's other work, if it may."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    except PermissionError:
        return False
    return True


def raise_file_limit(wanted: int) -> int:
    """Let this process and its children have `wanted` open files; return how many they may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft if soft != resource.RLIM_INFINITY else wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def environment() -> dict[str, str]:
    """Return the environment that servers and commands get."""
    return {name: os.environ[name] for name in _KEEP if name in os.environ}


def children_cpu() -> float:
    """Return the CPU seconds of this process's children that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def facts() -> dict[str, object]:
    """Return what a reader must know to judge the figures."""
    return {
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
