"""Markdown tables of results and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.results import Cell, Metric, Result
from bench.targets import Verdict


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table, its first column text and the others figures, readable as it stands."""
    body = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *body]) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        first = row[0].ljust(widths[0])
        others = [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        return "| " + " | ".join([first, *others]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:])]) + "|"
    return "\n".join([line(header), rule, *map(line, body)])


def show_result(result: Result) -> str:
    """Return the scenario's section: figures of each server, then ratios pair by pair."""
    header = ["server"]
    for metric in result.metrics:
        header.append(metric.label)
        if metric.better:
            header.append(metric.best_label)
    header.append("errors")
    parts = [f"## {result.title} (`{result.scenario}`)"]
    parts.append(markdown(header, [_row(cell, result.metrics) for cell in result.cells.values()]))
    compared = [metric for metric in result.metrics if metric.better]
    rows = [row for pair in result.pairs if (row := _ratios(result, pair, compared))]
    if rows:
        titles = ["divided by"]
        for metric in compared:
            titles += [metric.label, metric.best_label]
        parts.append(markdown(titles, rows))
    cells = result.cells.values()
    parts += [f"- {cell.server}: {cell.problem}" for cell in cells if cell.problem]
    parts += [f"- {cell.server} printed: {cell.printed}" for cell in cells if cell.printed]
    return "\n\n".join(parts)


def show_verdicts(verdicts: Iterable[Verdict]) -> str:
    """Return the table of targets."""
    verdicts = list(verdicts)
    rows = [
        [str(v.target), v.state, _figure(v.measured), _figure(v.best), _figure(v.varied)]
        for v in verdicts
    ]
    notes = dict.fromkeys(f"- {v.note}" for v in verdicts if v.note)  # each once
    parts = [
        "## Targets",
        markdown(["target", "state", "measured", "best", "varied"], rows),
        *notes,
    ]
    return "\n\n".join(parts)


def _row(cell: Cell, metrics: Sequence[Metric]) -> list[str]:
    row = [cell.server]
    for metric in metrics:
        row.append(metric.show(cell.median(metric)) if cell.samples else "-")
        if metric.better:
            row.append(metric.show(cell.best(metric)) if cell.samples else "-")
    row.append(f"**{cell.errors}**" if cell.errors else "0" if cell.samples else "-")
    return row


def _ratios(result: Result, pair: tuple[str, str], metrics: Sequence[Metric]) -> list[str]:
    """Return one pair's row, or nothing if it was not measured."""
    row = [" / ".join(pair)]
    found = False
    for metric in metrics:
        ratio = result.ratio(*pair, metric)
        found = found or ratio is not None
        row += [_figure(ratio.median), _figure(ratio.best)] if ratio else ["-", "-"]
    return row if found else []


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
