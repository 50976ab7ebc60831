"""Rounds: every server once, then every server again, so that no moment favours one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from bench.errors import BenchError
from bench.lab import Lab
from bench.results import Result
from bench.scenarios import Scenario
from bench.servers import ServerSpec


def run_scenario(
    scenario: Scenario,
    lab: Lab,
    specs: Sequence[ServerSpec],
    *,
    rounds: int,
    only: Sequence[str] = (),
    tell: Callable[[str], None],
) -> Result:
    """Measure one scenario.

    Args:
        scenario: What to measure.
        lab: Where servers run.
        specs: Which servers.
        rounds: How many measurements of each, unless the scenario needs fewer.
        only: Patterns of `scenario/server`; without any, all.
        tell: Gets a line for each step.
    """
    result = Result(
        scenario=scenario.name,
        title=scenario.title,
        metrics=scenario.metrics,
        pairs=scenario.pairs,
    )
    wanted = tuple(spec for spec in specs if _wanted(f"{scenario.name}/{spec.name}", only))
    if not wanted:
        return result
    tell(f"{scenario.name}: starting")
    subjects = scenario.open(lab, wanted)
    for name, problem in subjects.failures.items():
        result.cell(name).problem = problem
        tell(f"{scenario.name}: {name}: {problem}")
    rounds = min(rounds, scenario.most_rounds)
    for number in range(rounds):
        for name in rotated(list(subjects.measures), number):
            cell = result.cell(name)
            try:
                cell.samples[number] = subjects.measures[name]()
            except (BenchError, OSError) as error:
                cell.problem = str(error)
                tell(f"{scenario.name}: round {number + 1}: {name}: {error}")
            else:
                values = cell.samples[number].values
                shown = ", ".join(f"{m.show(values[m.key])} {m.label}" for m in scenario.metrics)
                tell(f"{scenario.name}: round {number + 1} of {rounds}: {name}: {shown}")
    return result


def rotated(names: list[str], number: int) -> list[str]:
    """Return `names`, begun at another place each round, so that nobody is always the first."""
    start = number % len(names) if names else 0
    return names[start:] + names[:start]


def _wanted(name: str, only: Sequence[str]) -> bool:
    return not only or any(fnmatchcase(name, pattern) for pattern in only)
