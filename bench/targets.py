"""What nonecorn sets out to reach, and whether one run reached it.

A target compares medians; of CPU time where it can, as what other work on the machine disturbs
least.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench.results import Result
from bench.startup import BARE

State = Literal["PASS", "FAIL", "not run"]

_FAST = "nonecorn-httptools-uvloop"
_UVICORN = "uvicorn-httptools-uvloop"
_H2 = "nonecorn-h2-uvloop"
_H3 = "nonecorn-h3-uvloop"
_HYPERCORN = "hypercorn-uvloop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One line of the table.

    Attributes:
        scenario: Where it is measured.
        metric: Which figure.
        ours: Whose.
        peer: Whom it is divided by; None: the figure itself is the measure.
        limit: The bound.
        at_most: Whether the bound is an upper one.
        unit: Of the figure, where it is not a ratio.
    """

    scenario: str
    metric: str
    ours: str
    peer: str | None = None
    limit: float
    at_most: bool = True
    unit: str = ""

    def __str__(self) -> str:
        relation = "at most" if self.at_most else "at least"
        of = f" times {self.peer}" if self.peer else f" {self.unit}"
        return f"{self.scenario} {self.metric}: {self.ours} {relation} {self.limit:g}{of}"

    def holds(self, measured: float) -> bool:
        """Whether `measured` is within the bound."""
        return measured <= self.limit if self.at_most else measured >= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a target.

    Attributes:
        target: The target.
        state: PASS, FAIL, or not run because the scenario or the server was not chosen.
        measured: Median ratio or figure; None if there is none.
        best: The same of the best values.
        varied: The median ratio under the same load of requests that all differ, if that was
            measured: what is left of `measured` where a server cannot profit from repetition.
        note: What else to know.
    """

    target: Target
    state: State
    measured: float | None = None
    best: float | None = None
    varied: float | None = None
    note: str = ""


TARGETS: tuple[Target, ...] = (
    Target(scenario="get", metric="cpu", ours=_FAST, peer=_UVICORN, limit=0.60),
    Target(scenario="get", metric="cpu", ours=_FAST, peer="granian-uvloop", limit=1.0),
    Target(
        scenario="get",
        metric="cpu",
        ours="nonecorn-h11-asyncio",
        peer="hypercorn-asyncio",
        limit=0.55,
    ),
    Target(
        scenario="get",
        metric="cpu",
        ours="nonecorn-httptools-trio",
        peer="hypercorn-trio",
        limit=0.15,
    ),
    Target(scenario="get", metric="cpu", ours="nonecorn-httptools-trio", peer=_FAST, limit=2.2),
    Target(scenario="post", metric="rate", ours=_FAST, peer=_UVICORN, limit=1.0, at_most=False),
    Target(scenario="down", metric="rate", ours=_FAST, peer=_UVICORN, limit=1.0, at_most=False),
    Target(scenario="connect", metric="rate", ours=_FAST, peer=_UVICORN, limit=1.5, at_most=False),
    Target(scenario="idle", metric="per_connection", ours=_FAST, limit=6, unit="KiB"),
    Target(scenario="idle", metric="pss", ours="nonecorn-h11-asyncio", limit=25, unit="MiB"),
    Target(scenario="h2-get", metric="rate", ours=_H2, peer=_HYPERCORN, limit=2.0, at_most=False),
    Target(scenario="h2-get", metric="cpu", ours=_H2, peer=_HYPERCORN, limit=0.5),
    Target(
        scenario="h2-upload", metric="rate", ours=_H2, peer=_HYPERCORN, limit=1.5, at_most=False
    ),
    Target(
        scenario="h2-download", metric="rate", ours=_H2, peer=_HYPERCORN, limit=1.5, at_most=False
    ),
    Target(
        scenario="wsgi-get", metric="rate", ours=_FAST, peer=_HYPERCORN, limit=3.0, at_most=False
    ),
    Target(
        scenario="wsgi-get",
        metric="rate",
        ours=_FAST,
        peer="gunicorn-gthread",
        limit=1.0,
        at_most=False,
    ),
    Target(scenario="h3-get", metric="cpu", ours=_H3, peer=_HYPERCORN, limit=0.25),
    Target(
        scenario="h3-download", metric="rate", ours=_H3, peer=_HYPERCORN, limit=1.0, at_most=False
    ),
    Target(scenario="ws-echo", metric="cpu", ours=_FAST, peer="hypercorn-uvloop", limit=0.55),
    Target(scenario="ws-echo", metric="cpu", ours=_FAST, peer="uvicorn-wsproto-uvloop", limit=1.0),
    Target(scenario="ws-idle", metric="per_connection", ours=_FAST, limit=16, unit="KiB"),
    # "No CPU use" is less than a thousandth of a CPU: room for one look at the clock a second.
    Target(scenario="idle", metric="cpu", ours="nonecorn-h11-asyncio", limit=5, unit="ms in 5 s"),
    Target(scenario="startup", metric="cpu", ours="nonecorn --help", peer=BARE, limit=6),
    Target(scenario="startup", metric="cpu", ours="nonecorn serve --help", peer=BARE, limit=10),
)


def judge(target: Target, results: Mapping[str, Result]) -> Verdict:
    """Hold one target against the results, by scenario name.

    A cell of ours with failed requests fails; a peer's errors are noted.
    """
    result = results.get(target.scenario)
    needed = [name for name in (target.ours, target.peer) if name is not None]
    if result is None or any(name not in result.cells for name in needed):
        return Verdict(target=target, state="not run")
    cells = [result.cells[name] for name in needed]
    note = "; ".join(
        [f"{cell.server}: {cell.problem}" for cell in cells if cell.problem]
        + [f"{cell.server}: {cell.errors} errors" for cell in cells if cell.errors]
    )
    metric = result.metric(target.metric)
    ours = cells[0]
    measured: float | None
    best: float | None
    if target.peer is not None:
        quotient = result.ratio(target.ours, target.peer, metric)
        measured, best = (quotient.median, quotient.best) if quotient else (None, None)
    else:
        measured, best = (ours.median(metric), ours.best(metric)) if ours.samples else (None, None)
    passed = (
        measured is not None and target.holds(measured) and not ours.errors and not ours.problem
    )
    return Verdict(
        target=target,
        state="PASS" if passed else "FAIL",
        measured=measured,
        best=best,
        varied=_varied(target, results),
        note=note,
    )


def _varied(target: Target, results: Mapping[str, Result]) -> float | None:
    result = results.get(f"{target.scenario}-varied")
    if result is None or target.peer is None:
        return None
    quotient = result.ratio(target.ours, target.peer, result.metric(target.metric))
    return quotient.median if quotient else None
