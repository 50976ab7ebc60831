"""Ways to cut a byte string as a network may cut it.

A protocol must come to the same result however its input is cut. A `Splitter` is a function from
bytes to the pieces that are delivered one after the other; `SPLITTERS` are the ones that every test
of a parser should run through.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Splitter: TypeAlias = Callable[[bytes], Iterator[bytes]]


def whole(data: bytes) -> Iterator[bytes]:
    """Everything in one piece."""
    if data:
        yield data


def bytewise(data: bytes) -> Iterator[bytes]:
    """One byte at a time."""
    for index in range(len(data)):
        yield data[index : index + 1]


def at(*positions: int) -> Splitter:
    """Cut at the given positions."""

    def split(data: bytes) -> Iterator[bytes]:
        edges = sorted({0, len(data), *(p for p in positions if 0 < p < len(data))})
        for start, end in itertools.pairwise(edges):
            yield data[start:end]

    return split


def randomly(seed: int, longest: int = 20) -> Splitter:
    """Pieces of random length, the same ones for the same seed and data.

    Args:
        seed: Any number.
        longest: Length of the longest piece, in bytes; some pieces are much longer, so that long
            input stays fast.
    """

    def split(data: bytes) -> Iterator[bytes]:
        generator = random.Random(seed)  # not for secrets
        start = 0
        while start < len(data):
            length = generator.randint(1, longest)
            if generator.random() < 0.1:
                length *= 100
            yield data[start : start + length]
            start += length

    return split


SPLITTERS: dict[str, Splitter] = {
    "whole": whole,
    "bytewise": bytewise,
    "random-1": randomly(1),
    "random-2": randomly(2, longest=3),
}
"""By name, for `pytest.mark.parametrize("split", SPLITTERS.values(), ids=SPLITTERS)`."""


def splits(data: bytes) -> SearchStrategy[list[bytes]]:
    """A Hypothesis strategy for all the ways to cut `data`; it shrinks towards one piece."""
    from hypothesis import strategies  # noqa: PLC0415  # only for those who use it

    positions = strategies.lists(
        strategies.integers(1, max(1, len(data) - 1)), max_size=max(0, len(data) - 1), unique=True
    )
    return positions.map(lambda found: list(at(*found)(data)))
