"""Samples, their medians and best values, and the ratios between servers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One column of figures.

    Attributes:
        key: Its name in samples and in the JSON file.
        label: Its heading, with the unit.
        better: Whether more or less is better; None for one that only explains the others.
        digits: Digits after the point.
    """

    key: str
    label: str
    better: Literal["more", "less"] | None = None
    digits: int = 0

    def best(self, values: Sequence[float]) -> float:
        """Return the best of `values`: the one that other work on the machine disturbed least."""
        return max(values) if self.better == "more" else min(values)

    @property
    def best_label(self) -> str:
        """Heading of the best values."""
        return "max" if self.better == "more" else "min"

    def show(self, value: float) -> str:
        """Format one value."""
        return f"{value:.{self.digits}f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one measurement gave.

    Attributes:
        values: A value for each metric.
        errors: How many requests failed.
        printed: The last line that the server printed meanwhile, which it should not.
    """

    values: Mapping[str, float]
    errors: int = 0
    printed: str = ""


@dataclass(slots=True, kw_only=True)
class Cell:
    """All measurements of one server in one scenario."""

    server: str
    samples: dict[int, Sample] = field(default_factory=dict)
    """By round; a round that failed is missing."""
    problem: str = ""
    """Why there are no samples, or fewer."""

    @property
    def errors(self) -> int:
        """Failed requests in all rounds."""
        return sum(sample.errors for sample in self.samples.values())

    @property
    def printed(self) -> str:
        """The last line that the server printed in any round."""
        lines = [self.samples[n].printed for n in sorted(self.samples) if self.samples[n].printed]
        return lines[-1] if lines else ""

    def values(self, metric: Metric) -> list[float]:
        """Return the metric's values in the order of the rounds."""
        return [self.samples[number].values[metric.key] for number in sorted(self.samples)]

    def median(self, metric: Metric) -> float:
        """Return the median over the rounds. There must be at least one."""
        return statistics.median(self.values(metric))

    def best(self, metric: Metric) -> float:
        """Return the best round's value. There must be at least one."""
        return metric.best(self.values(metric))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One server's figures divided by another's.

    Attributes:
        median: Median of the ratios of each round. What disturbs a whole round falls out of it.
        best: Ratio of the best values. Trust a difference only where both agree.
    """

    median: float
    best: float


def ratio(ours: Cell | None, theirs: Cell | None, metric: Metric) -> Ratio | None:
    """Divide `ours` by `theirs`, round by round; None without a round that both have."""
    if ours is None or theirs is None:
        return None
    both = sorted(ours.samples.keys() & theirs.samples.keys())
    pairs = [
        (ours.samples[number].values[metric.key], theirs.samples[number].values[metric.key])
        for number in both
    ]
    quotients = [mine / other for mine, other in pairs if other]
    best = theirs.best(metric) if pairs else 0.0
    if not quotients or not best:
        return None
    return Ratio(median=statistics.median(quotients), best=ours.best(metric) / best)


@dataclass(slots=True, kw_only=True)
class Result:
    """One scenario's outcome."""

    scenario: str
    title: str
    metrics: tuple[Metric, ...]
    pairs: tuple[tuple[str, str], ...]
    cells: dict[str, Cell] = field(default_factory=dict)

    def metric(self, key: str) -> Metric:
        """Return a metric by its key."""
        return next(metric for metric in self.metrics if metric.key == key)

    def cell(self, server: str) -> Cell:
        """Return the server's cell, made on first use."""
        return self.cells.setdefault(server, Cell(server=server))

    def ratio(self, ours: str, theirs: str, metric: Metric) -> Ratio | None:
        """Return `ours` divided by `theirs`, if both were measured."""
        return ratio(self.cells.get(ours), self.cells.get(theirs), metric)
