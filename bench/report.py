"""The run as JSON: every sample, so that other statistics can be made of it later."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from bench.results import Cell, Result
from bench.targets import Verdict


def as_json(
    facts: dict[str, object], results: Iterable[Result], verdicts: Iterable[Verdict]
) -> dict[str, object]:
    """Return what `--json` writes."""
    return {
        "format": 1,
        "run": facts,
        "scenarios": {result.scenario: _result(result) for result in results},
        "targets": [
            {
                "target": str(verdict.target),
                "limit": verdict.target.limit,
                "state": verdict.state,
                "measured": verdict.measured,
                "best": verdict.best,
                "varied": verdict.varied,
                "note": verdict.note,
            }
            for verdict in verdicts
        ],
    }


def _result(result: Result) -> dict[str, object]:
    return {
        "title": result.title,
        "metrics": [dataclasses.asdict(metric) for metric in result.metrics],
        "servers": {name: _cell(result, cell) for name, cell in result.cells.items()},
        "ratios": [
            {"ours": ours, "theirs": theirs, "metric": metric.key, **dataclasses.asdict(ratio)}
            for ours, theirs in result.pairs
            for metric in result.metrics
            if metric.better and (ratio := result.ratio(ours, theirs, metric))
        ],
    }


def _cell(result: Result, cell: Cell) -> dict[str, object]:
    measured = result.metrics if cell.samples else ()
    return {
        "median": {metric.key: cell.median(metric) for metric in measured},
        "best": {metric.key: cell.best(metric) for metric in measured if metric.better},
        "errors": cell.errors,
        "problem": cell.problem,
        "samples": [
            {
                "round": number,
                "errors": sample.errors,
                "printed": sample.printed,
                **sample.values,
            }
            for number, sample in sorted(cell.samples.items())
        ],
    }
