"""What the batteries share through the contract: options, content codings, the current run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn.spi import (
    ConfigError,
    NonecornError,
    Running,
    Unit,
    choose_coding,
    current_run,
    read_options,
    running,
    setting,
)
from nonecorn.testing import MemoryRuntime, make_app_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One option of each type."""

    on: bool = setting(False, help="A switch.")
    count: int = setting(1, help="A number.", minimum=1)
    ratio: float = setting(0.5, help="Another.")
    age: float = setting(1.0, help="A time.", unit=Unit.SECONDS, minimum=0)
    size: int = setting(0, help="A size.", unit=Unit.BYTES, minimum=0)
    name: str = setting("", help="A text.")
    names: tuple[str, ...] = setting((), help="Texts.")
    mode: Literal["a", "b"] = setting("a", help="A choice.")
    path: str | None = setting(None, help="A path.", is_path=True)

    def __post_init__(self) -> None:
        if self.count == 13:
            message = "not that many"
            raise ValueError(message)


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        (True, "on", True),
        (3, "count", 3),
        (2, "ratio", 2.0),
        ("1m30s", "age", 90.0),
        (5, "age", 5.0),
        ("64KiB", "size", 65536),
        ("text", "name", "text"),
        (["a", "b"], "names", ("a", "b")),
        ("a", "names", ("a",)),
        ("b", "mode", "b"),
        (None, "path", None),
        ("/x", "path", "/x"),
    ],
)
def test_options_are_read(given: Any, name: str, value: Any) -> None:
    read = getattr(read_options(Options, {name: given}, "middleware x"), name)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("given", "name", "message"),
    [
        (1, "on", "on: 1 is neither true nor false"),
        ("1", "count", "count: '1' is no whole number"),
        (True, "count", "count: true is no whole number"),
        (1.5, "count", "count: 1.5 is no whole number"),
        (0, "count", "count: 0 is too small: at least 1"),
        (float("nan"), "ratio", "ratio: nan is no finite number"),
        ("1 hour", "age", "age: '1 hour' is no duration"),
        (-1, "size", "size: -1 is too small: at least 0"),
        (1, "name", "name: 1 is no text"),
        ("a\0b", "name", "is no text"),
        ([1], "names", "names: 1 is no text"),
        ({"a": 1}, "names", "is no list of texts"),
        ("c", "mode", "mode: 'c' is none of a, b"),
        (13, "count", "not that many"),
        (1, "cuont", "unknown option 'cuont': did you mean count?"),
        (1, "zzz", "unknown option 'zzz': there are on, count"),
    ],
)
def test_a_bad_option_is_one_line(given: Any, name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_options(Options, {name: given}, "middleware x")
    [line] = caught.value.problems
    assert line.startswith("middleware x: ")
    assert message in line


def test_all_bad_options_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        read_options(Options, {"on": 1, "count": "x", "zzz": 1}, "middleware x")
    assert len(caught.value.problems) == 3


ALL = (b"zstd", b"br", b"gzip")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"", b""),
        (b"gzip", b"gzip"),
        (b"GZip", b"gzip"),
        (b"x-gzip", b"gzip"),
        (b"gzip, deflate, br, zstd", b"zstd"),
        (b"gzip;q=1.0, br;q=0.9", b"gzip"),
        (b"gzip ; q=0.5,\tbr ;Q=0.75,,", b"br"),
        (b"*", b"zstd"),
        (b"*;q=0.5, br", b"br"),
        (b"zstd;q=0, *", b"br"),
        (b"*;q=0", b""),
        (b"identity", b""),
        (b"identity, gzip", b"gzip"),
        (b"identity;q=0.8, gzip;q=0.5", b""),
        (b"gzip;q=0", b""),
        (b"deflate", b""),
        (b"gzip;q=2", b""),
        (b"gzip;q=0.1234", b""),
        (b"gzip;level=9", b""),
        (b"gzip br", b""),
    ],
)
def test_a_coding_is_the_one_that_the_client_likes_best(accepted: bytes, coding: bytes) -> None:
    assert choose_coding(accepted, ALL) == coding


@given(st.binary(max_size=60))
def test_whatever_is_accepted_the_coding_is_one_there_is(accepted: bytes) -> None:
    assert choose_coding(accepted, ALL) in (b"", *ALL)


@given(st.dictionaries(st.sampled_from(ALL), st.integers(0, 1000)))
def test_the_highest_quality_wins(qualities: dict[bytes, int]) -> None:
    value = b", ".join(b"%b;q=%.3f" % (name, q / 1000) for name, q in qualities.items())
    chosen = choose_coding(value, ALL)
    best = max(qualities.values(), default=0)
    assert qualities.get(chosen, 0) == best
    assert bool(chosen) == (best > 0)


def test_a_thread_is_in_the_run_that_it_entered_last() -> None:
    with pytest.raises(NonecornError, match="runs no worker"):
        current_run()
    context = make_app_context()
    one, two = (Running(runtime=MemoryRuntime(name=name)) for name in ("one", "two"))
    with running(one):
        assert current_run() is one
        with running(two):
            assert current_run() is two
            assert context.runtime is two.runtime
            context.run = one
            assert context.runtime is one.runtime
        assert current_run() is one
    one.draining = True
    assert context.draining


def test_runs_may_end_in_any_order() -> None:
    one, two = (Running(runtime=MemoryRuntime()) for _ in range(2))
    first, second = running(one), running(two)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert current_run() is two
    second.__exit__(None, None, None)
    with pytest.raises(NonecornError):
        current_run()
