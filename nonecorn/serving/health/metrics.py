"""The facts in Prometheus' text format, version 0.0.4.

Every line here is read when somebody asks; the one thing that is counted while requests run is how
they ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from nonecorn._version import __version__
from nonecorn.serving.health.facts import STARTED, Facts
from nonecorn.serving.load import CLASSES, Load

KIND = "text/plain; version=0.0.4; charset=utf-8"
_STATES = ("starting", "ready", "leaving")

_Sample: TypeAlias = tuple[Mapping[str, object], float]


def render(facts: Facts) -> str:
    """All series."""
    return "".join(f"{line}\n" for line in _lines(facts))


def _lines(facts: Facts) -> Iterator[str]:
    # An old worker and its successor have one number: what they do counts together.
    numbers = sorted({worker.number for worker in facts.workers} | facts.past.keys())
    loads = {number: facts.past.get(number, Load()) for number in numbers}
    for worker in facts.workers:
        loads[worker.number] += worker.load
    present = {worker.number: loads[worker.number] for worker in facts.workers}
    states = Counter(worker.state for worker in facts.workers)

    def per_worker(what: str) -> list[_Sample]:
        return [({"worker": n}, getattr(load, what)) for n, load in sorted(present.items())]

    yield from _family(
        "nonecorn_info",
        "gauge",
        "Version and runtime; always 1.",
        [({"version": __version__, "runtime": facts.runtime}, 1)],
    )
    yield from _family(
        "nonecorn_ready", "gauge", "1 while requests are welcome.", [({}, not facts.not_ready)]
    )
    yield from _family(
        "nonecorn_draining", "gauge", "1 while the server ends.", [({}, facts.draining)]
    )
    yield from _family(
        "nonecorn_workers",
        "gauge",
        "Processes that serve, by state.",
        [({"state": state}, states[state]) for state in _STATES],
    )
    yield from _family(
        "nonecorn_worker_restarts_total",
        "counter",
        "Workers that ended by themselves and were started again.",
        [({}, facts.restarts)],
    )
    yield from _family(
        "nonecorn_worker_silence_seconds",
        "gauge",
        "How long a worker's event loop has owed an answer.",
        [
            ({"worker": n}, max(w.silent for w in facts.workers if w.number == n))
            for n in sorted(present)
        ],
    )
    yield from _family(
        "nonecorn_connections", "gauge", "Open connections.", per_worker("connections")
    )
    yield from _family(
        "nonecorn_requests_running",
        "gauge",
        "Requests whose application runs.",
        [({"worker": n}, load.requests - load.waiting) for n, load in sorted(present.items())],
    )
    yield from _family(
        "nonecorn_requests_waiting",
        "gauge",
        "Requests that wait for a place (limits.concurrency).",
        per_worker("waiting"),
    )
    yield from _family(
        "nonecorn_requests_total",
        "counter",
        "Requests that have ended, by the class of their status; other: without one.",
        [
            ({"worker": number, "class": name}, count)
            for number, load in loads.items()
            for name, count in zip(CLASSES, load.finished, strict=True)
        ],
    )
    yield from _family(
        "process_start_time_seconds",
        "gauge",
        "When the process started, in seconds since 1970.",
        [({}, STARTED)],
    )


def _family(name: str, kind: str, text: str, samples: Iterable[_Sample]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(str(each))}"' for key, each in labels.items())
        number = str(int(value)) if value == int(value) else f"{value:.3f}"
        yield f"{name}{{{inside}}} {number}" if inside else f"{name} {number}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
