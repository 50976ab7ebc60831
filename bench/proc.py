"""CPU time and memory of a process and all its descendants, read from /proc (Linux).

CPU time comes from `/proc/PID/stat` in clock ticks (10 ms as a rule), children that have ended
included. For windows in which hardly anything happens, `precise_cpu` reads the scheduler's
nanoseconds instead. Memory is the kernel's proportional set size: private pages count whole, a page
that n processes share counts 1/n for each.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """The fields of `/proc/PID/stat` that matter here.

    Attributes:
        pid: The process.
        parent: The process that it belongs to.
        ticks: User and system time of all its threads, in clock ticks.
        ended: User and system time of the children that it has waited for, in clock ticks.
        started: When it started, in clock ticks since boot; with `pid`, names a process for good.
    """

    pid: int
    parent: int
    ticks: int
    ended: int
    started: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a process tree occupies, in bytes.

    Attributes:
        pss: Proportional set size.
        private: Pages that no other process maps.
    """

    pss: int
    private: int

    def __add__(self, other: Memory) -> Memory:
        return Memory(pss=self.pss + other.pss, private=self.private + other.private)


def parse_stat(text: str) -> Stat:
    """Parse `/proc/PID/stat`; the command name in brackets may itself hold blanks and brackets."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()  # fields[0] is field 3 of proc(5)
    return Stat(
        pid=int(head.partition(" ")[0]),
        parent=int(fields[1]),
        ticks=int(fields[11]) + int(fields[12]),
        ended=int(fields[13]) + int(fields[14]),
        started=int(fields[19]),
    )


def parse_rollup(text: str) -> Memory:
    """Parse `/proc/PID/smaps_rollup`."""
    sizes = {}
    for line in text.splitlines()[1:]:  # the first line is an address range
        name, _, value = line.partition(":")
        sizes[name] = int(value.split()[0]) * 1024
    return Memory(pss=sizes["Pss"], private=sizes["Private_Clean"] + sizes["Private_Dirty"])


def descendants(stats: dict[int, Stat], root: int) -> list[Stat]:
    """Return `root` and every process below it, parents first; empty if `root` has ended."""
    if root not in stats:
        return []
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return [stats[pid] for pid in found]


def tree(root: int) -> list[Stat]:
    """Return process `root` and its living descendants."""
    stats = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (stat := stat_of(int(entry.name))) is not None:
            stats[stat.pid] = stat
    return descendants(stats, root)


def stat_of(pid: int) -> Stat | None:
    """Return one process's numbers, or None once it is gone."""
    try:
        return parse_stat((_PROC / str(pid) / "stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu(root: int) -> float:
    """Return the CPU seconds that the tree under `root` has used so far."""
    ticks = sum(stat.ticks + stat.ended for stat in tree(root))
    return ticks / os.sysconf("SC_CLK_TCK")


def precise_cpu(root: int) -> float:
    """Return the CPU seconds of the tree's living threads, exact where the kernel keeps count."""
    total = 0
    try:
        for stat in tree(root):
            for thread in (_PROC / str(stat.pid) / "task").iterdir():
                total += int((thread / "schedstat").read_text().split()[0])
    except (
        FileNotFoundError,
        ProcessLookupError,
    ):  # no CONFIG_SCHED_INFO, or a thread that has just ended
        return cpu(root)
    return total / 1e9


def memory(root: int) -> Memory:
    """Return what the tree under `root` occupies."""
    total = Memory(pss=0, private=0)
    for stat in tree(root):
        total += parse_rollup((_PROC / str(stat.pid) / "smaps_rollup").read_text())
    return total
