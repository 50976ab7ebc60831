"""Ranges: what RFC 9110 section 14 has them mean, and that they stay within bounds."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nonecorn_static._ranges import MOST, PART, parse_ranges


@pytest.mark.parametrize(
    ("value", "size", "found"),
    [
        (b"bytes=0-499", 10000, [(0, 500)]),
        (b"bytes=500-999", 10000, [(500, 1000)]),
        (b"bytes=-500", 10000, [(9500, 10000)]),
        (b"bytes=9500-", 10000, [(9500, 10000)]),
        (b"bytes=0-0,-1", 10000, [(0, 1), (9999, 10000)]),
        (b"bytes= 0-0 ,\t-1,", 10000, [(0, 1), (9999, 10000)]),
        (b"BYTES=0-0", 10000, [(0, 1)]),
        (b"bytes=5000-6000,0-1", 10000, [(5000, 6001), (0, 2)]),  # in the order of the request
        (b"bytes=500-600,601-999", 10000, [(500, 601), (601, 1000)]),
        (b"bytes=500-700,601-999", 10000, [(500, 1000)]),  # overlap: sent once
        (b"bytes=0-99999", 100, [(0, 100)]),
        (b"bytes=-99999", 100, [(0, 100)]),
        (b"bytes=100-", 100, []),
        (b"bytes=100-,0-0", 100, [(0, 1)]),
        (b"bytes=-0", 100, []),
        (b"bytes=0-", 0, []),
    ],
)
def test_ranges_are_read(value: bytes, size: int, found: list[tuple[int, int]]) -> None:
    assert parse_ranges(value, size) == found


@pytest.mark.parametrize(
    "value",
    [
        b"", b"bytes", b"bytes=", b"bytes=,", b"bytes=-", b"bytes=a-b", b"bytes=1-0", b"bytes=0",
        b"lines=0-1", b"bytes =0-1", b"bytes=0 - 1", b"bytes=0-1;", b"bytes=+1-2", b"bytes=0x1-2",
        b"bytes=" + b"9" * 30 + b"-", b"bytes=" + b"0-0," * (MOST + 1), b"bytes=0-0" + b"," * 2000,
    ],
)  # fmt: skip
def test_what_is_no_use_is_not_acted_upon(value: bytes) -> None:
    assert parse_ranges(value, 10000) is None


def test_more_than_the_file_is_the_file() -> None:
    assert parse_ranges(b"bytes=0-40,50-99", 100) is None


RANGES = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 3000), st.integers(0, 3000)).map(lambda p: b"%d-%d" % p),
        st.integers(0, 3000).map(lambda n: b"%d-" % n),
        st.integers(0, 3000).map(lambda n: b"-%d" % n),
        st.binary(max_size=5),
    ),
    max_size=20,
)


@given(parts=RANGES, size=st.integers(0, 2000))
@example(parts=[b"0-"] * 16, size=2000)
def test_no_field_asks_for_more_than_the_file(parts: list[bytes], size: int) -> None:
    found = parse_ranges(b"bytes=" + b",".join(parts), size)
    if not found:
        return
    assert len(found) <= MOST
    assert all(0 <= start < stop <= size for start, stop in found)
    ordered = sorted(found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(ordered))
    assert len(found) == 1 or sum(stop - start + PART for start, stop in found) < size


@given(st.binary(max_size=60), st.integers(0, 2000))
def test_nothing_in_a_field_does_harm(value: bytes, size: int) -> None:
    parse_ranges(value, size)
    parse_ranges(b"bytes=" + value, size)


@given(st.integers(0, 1999), st.integers(0, 3000))
def test_one_range_is_what_it_says(first: int, length: int) -> None:
    content = bytes(index % 251 for index in range(2000))
    [(start, stop)] = parse_ranges(b"bytes=%d-%d" % (first, first + length), 2000) or [(0, 0)]
    assert content[start:stop] == content[first : first + length + 1]
