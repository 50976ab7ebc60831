"""`python -m bench`: measure nonecorn beside its peers, and hold it against its targets.

Markdown goes to standard output, progress to standard error, every sample to the file of `--json`.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType

import click

if not sys.platform.startswith("linux"):
    sys.exit("python -m bench: the figures come from Linux's /proc, so it runs on Linux only")

from bench import system
from bench.campaign import run_scenario
from bench.lab import Lab
from bench.report import as_json
from bench.results import Result
from bench.scenarios import SCENARIOS
from bench.table import show_result, show_verdicts
from bench.targets import TARGETS, judge

_SPARE_FILES = 256
_SERVER_NAMES = tuple(
    dict.fromkeys(spec.name for scenario in SCENARIOS for spec in scenario.servers)
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rounds",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="Measurements of each server.",
)
@click.option(
    "--seconds",
    default=2,
    show_default=True,
    type=click.IntRange(1),
    help="Length of each, under load.",
)
@click.option(
    "--scenario",
    "scenario_names",
    multiple=True,
    type=click.Choice([scenario.name for scenario in SCENARIOS]),
    help="Scenario to measure; repeat it for several.  [default: all]",
)
@click.option(
    "--servers",
    "server_patterns",
    multiple=True,
    metavar="PATTERNS",
    help="Servers, by name or pattern, with commas: 'nonecorn*,granian*'.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Measure only where SCENARIO/SERVER matches: 'get/*uvloop'.",
)
@click.option(
    "--connections",
    default=5000,
    show_default=True,
    type=click.IntRange(1),
    help="Idle connections.",
)
@click.option(
    "--pin/--no-pin",
    default=True,
    show_default=True,
    help="Servers on one CPU, clients on another.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write everything to.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Hold the figures against the targets; exit code 1 if one is missed.",
)
@click.option("--list", "list_only", is_flag=True, help="Name scenarios and servers, and end.")
def main(
    *,
    rounds: int,
    seconds: int,
    scenario_names: tuple[str, ...],
    server_patterns: tuple[str, ...],
    only: tuple[str, ...],
    connections: int,
    pin: bool,
    json_file: Path | None,
    check: bool,
    list_only: bool,
) -> None:
    """Measure nonecorn beside Uvicorn, Granian and Hypercorn, in one interleaved run."""
    if list_only:
        click.echo("\n".join(f"{scenario.name:14} {scenario.title}" for scenario in SCENARIOS))
        click.echo("\n".join(_SERVER_NAMES))
        return
    chosen = _choose(server_patterns)
    scenarios = [s for s in SCENARIOS if not scenario_names or s.name in scenario_names]
    files = system.raise_file_limit(connections + _SPARE_FILES)
    connections = min(connections, files - _SPARE_FILES)
    placement = system.Placement.choose(pin=pin)
    facts = system.facts() | {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "placement": str(placement),
        "raised_priority": system.raise_priority(),
        "rounds": rounds,
        "seconds": seconds,
    }
    click.echo(_heading(facts))
    signal.signal(signal.SIGTERM, _interrupt)
    results: dict[str, Result] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        Lab(
            placement=placement,
            directory=Path(directory),
            seconds=seconds,
            connections=connections,
        ) as lab,
    ):
        for scenario in scenarios:
            specs = tuple(spec for spec in scenario.servers if spec.name in chosen)
            result = run_scenario(scenario, lab, specs, rounds=rounds, only=only, tell=_tell)
            if result.cells:
                results[scenario.name] = result
                click.echo("\n" + show_result(result))
                _save(json_file, as_json(facts, results.values(), ()))  # kept if interrupted
    verdicts = [judge(target, results) for target in TARGETS] if check else []
    if check:
        click.echo("\n" + show_verdicts(verdicts))
    _save(json_file, as_json(facts, results.values(), verdicts))
    if any(verdict.state == "FAIL" for verdict in verdicts):
        sys.exit(1)


def _choose(patterns: Sequence[str]) -> set[str]:
    wanted = [pattern for text in patterns for pattern in text.split(",") if pattern]
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in _SERVER_NAMES):
            raise click.BadParameter(
                f"no server matches {pattern!r}; --list names them", param_hint="--servers"
            )
    return {
        name for name in _SERVER_NAMES if not wanted or any(fnmatchcase(name, p) for p in wanted)
    }


def _heading(facts: dict[str, object]) -> str:
    versions = facts["versions"]
    assert isinstance(versions, dict)
    priority = "raised priority" if facts["raised_priority"] else "ordinary priority"
    lines = [
        f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['kernel']}, {facts['python']}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        f"Rounds: {facts['rounds']}, of {facts['seconds']} s; {facts['placement']}, {priority}.",
        f"Load average before: {facts['load_before']}.",
    ]
    return "\n".join(["# Benchmark", "", *lines])


def _save(file: Path | None, report: dict[str, object]) -> None:
    if file is not None:
        file.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(prog_name="python -m bench")
