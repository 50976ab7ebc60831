"""Sources into a draft: nested data, the environment, flags.

What is unknown becomes a problem with a hint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nonecorn.config.draft import ConfigDraft, Rank
from nonecorn.config.option import Option
from nonecorn.config.source import Source
from nonecorn.config.tables import Tables
from nonecorn.config.unknown import RESERVED, Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An option that was given on the command line.

    Attributes:
        option: Which.
        value: Its text; a tuple of texts if it may be repeated.
        flag: As it is written, for its origin.
    """

    option: Option
    value: Any
    flag: str


def read_source(
    source: Source, draft: ConfigDraft, tables: Tables, unknown: Unknown, rank: Rank
) -> None:
    """Put a file's, object's or mapping's values into the draft."""
    for name, value in source.data.items():
        if not isinstance(name, str):
            draft.problems.append(f"{source.name}: the key {name!r} is no text")
        elif name and name in tables:
            if not isinstance(value, Mapping):
                draft.problems.append(f"{source.where(name)}: this is a table: write [{name}]")
                continue
            _read_table(source, name, value, draft, tables, unknown, rank)
        elif tables.option("", name):
            _put(source, tables.option("", name), (name,), value, draft, rank)
        elif isinstance(value, Mapping):
            reason = unknown.table(name)
            if reason:
                draft.problems.append(f"{source.origin(name)}: {reason}")
        else:
            draft.problems.append(f"{source.origin(name)}: {unknown.key('', name)}")


def read_environment(
    environ: Mapping[str, str],
    draft: ConfigDraft,
    tables: Tables,
    unknown: Unknown,
    stands: Mapping[str, str] | None = None,
) -> None:
    """Put `NONECORN_*` into the draft.

    Args:
        environ: The environment.
        draft: Where to.
        tables: What is known.
        unknown: Explains the rest.
        stands: Where variables that an env file brought stand in it.
    """
    for name in sorted(environ):
        if not name.startswith("NONECORN_") or name in RESERVED:
            continue
        option = tables.by_env(name)
        line = f" ({stands[name]})" if stands and name in stands else ""
        if option is not None:
            draft.put(
                option,
                environ[name],
                rank=Rank.ENVIRONMENT,
                origin=f"environment {name}{line}",
                text=True,
            )
        elif reason := unknown.variable(name):
            draft.problems.append(reason + line)


def read_flags(flags: Iterable[Flag], draft: ConfigDraft) -> None:
    """Put the command line's options into the draft."""
    for given in flags:
        kind = "flag" if given.flag.startswith("-") else "argument"
        draft.put(
            given.option,
            given.value,
            rank=Rank.ARGUMENT,
            origin=f"{kind} {given.flag}",
            text=True,
        )


def _read_table(
    source: Source,
    table: str,
    values: Mapping[Any, Any],
    draft: ConfigDraft,
    tables: Tables,
    unknown: Unknown,
    rank: Rank,
) -> None:
    for name, value in values.items():
        option = tables.option(table, name)
        if option is None:
            draft.problems.append(
                f"{source.origin(table, str(name))}: {unknown.key(table, str(name))}"
            )
        else:
            _put(source, option, (table, name), value, draft, rank)


def _put(
    source: Source,
    option: Option | None,
    path: tuple[str, ...],
    value: Any,
    draft: ConfigDraft,
    rank: Rank,
) -> None:
    assert option is not None
    base: Path | None = source.base
    draft.put(
        option, value, rank=rank, origin=source.origin(*path), where=source.where(*path), base=base
    )
