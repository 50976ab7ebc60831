"""The `priority` field: what is read, what is ignored, and what makes it say nothing."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn.spi.messages.priority import parse_priority


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", (3, False)),
        (b"  ", (3, False)),
        (b"u=0", (0, False)),
        (b"u=7, i", (7, True)),
        (b"i", (3, True)),
        (b"i=?1", (3, True)),
        (b"i=?0", (3, False)),
        (b"u=5,i", (5, True)),
        (b"i \t,\t u=1 ", (1, True)),
        (b"u=-0", (0, False)),
        (b"u=002", (2, False)),
    ],
)
def test_urgency_and_incremental_are_read(value: bytes, expected: tuple[int, bool]) -> None:
    assert parse_priority(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"u=1;x=2, i;y",
        b"u=1; x=?0;y=1.5, i=?1",
        b"a, u=1, b=tok/en:x, i",
        b'u=1, c="quoted, \\" u=7", i',
        b"u=1, d=:Zm8=:, e=-1.125, *f=9, i",
        b'u=1, g=(1 two;q=3  "three" );h, i',
        b"u=1, j=(), i",
        b"u=6, i=?0, u=1, i",
    ],
)
def test_other_members_and_parameters_are_ignored(value: bytes) -> None:
    assert parse_priority(value) == (1, True)


@pytest.mark.parametrize(
    "value",
    [
        b"u=8",
        b"u=-1",
        b"u=1.0",
        b'u="1"',
        b"u=one",
        b"u",
        b"u=(1)",
        b"u=?1",
        b"u=:MQ==:",
        b"u=1, u=8",
    ],
)
def test_an_urgency_of_another_type_or_out_of_range_is_ignored(value: bytes) -> None:
    assert parse_priority(value + b", i") == (3, True)


@pytest.mark.parametrize("value", [b"i=1", b'i="?1"', b"i=true", b"i=(?1)", b"i, i=0"])
def test_incremental_of_another_type_is_ignored(value: bytes) -> None:
    assert parse_priority(value + b", u=1") == (1, False)


@pytest.mark.parametrize(
    "value",
    [
        b"u=1, i,",
        b",u=1, i",
        b"u=1 i",
        b"u=1;, i",
        b"u=1, i=",
        b"u= 1, i",
        b"u=1, i=?2",
        b"u=1, I",
        b"u=1, i, a=1234567890123456",
        b"u=1, i, a=1.2345",
        b'u=1, i, a="open',
        b"u=1, i, a=(1",
        b"u=1, i, a=(1(2))",
        b"u=1, i, a=\xff",
        b"u=1, i\n",
        b"\tu=1, i",
        b"u=1, i\x00",
    ],
)
def test_a_field_that_is_not_well_formed_says_nothing(value: bytes) -> None:
    assert parse_priority(value) == (3, False)


def test_what_the_field_does_not_say_stays_as_it_was() -> None:
    assert parse_priority(b"i=?0", 5, True) == (5, False)
    assert parse_priority(b"u=1", 5, True) == (1, True)
    assert parse_priority(b"u=9, i=2", 5, True) == (5, True)
    assert parse_priority(b"u=1,,", 5, True) == (5, True)


KEYS = st.from_regex(r"\A[a-z*][a-z0-9_.*-]{0,4}\Z").filter(lambda key: key not in ("u", "i"))
BARE = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1).map(str),
    st.decimals(-1000, 1000, places=3).map(str),
    st.text(string.ascii_letters + " ,;=()!", max_size=6).map('"{}"'.format),
    st.from_regex(r"\A[A-Za-z*][A-Za-z0-9/:.]{0,5}\Z"),
    st.from_regex(r"\A:([A-Za-z0-9+/]{4}){0,2}:\Z"),
    st.sampled_from(["?0", "?1"]),
)
PARAMETERS = st.lists(st.tuples(KEYS, BARE).map(";{0[0]}={0[1]}".format), max_size=2).map("".join)
ITEMS = st.tuples(BARE, PARAMETERS).map("".join)
VALUES = ITEMS | st.lists(ITEMS, max_size=3).map(lambda items: "(" + " ".join(items) + ")")
OTHERS = st.tuples(KEYS, VALUES, PARAMETERS).map("{0[0]}={0[1]}{0[2]}".format)


@given(st.integers(0, 7), st.booleans(), st.lists(OTHERS, max_size=4), PARAMETERS, st.randoms())
def test_any_well_formed_field_is_understood(urgency, incremental, others, parameters, random):
    members = [f"u={urgency}{parameters}", f"i=?{incremental:d}{parameters}", *others]
    random.shuffle(members)
    assert parse_priority(", ".join(members).encode()) == (urgency, incremental)


@given(st.binary(max_size=40) | st.text('ui=?017,; ()"\\:a.-', max_size=40).map(str.encode))
def test_any_bytes_give_a_priority(value: bytes) -> None:
    urgency, incremental = parse_priority(value)
    assert urgency in range(8)
    assert incremental in (True, False)


@pytest.mark.parametrize(
    "unit", [b"a", b"a,", b";a", b"a=1;a=1,", b"(a ", b"a ", b'\\"', b"1", b" ", b"=?1", b":"]
)
@pytest.mark.parametrize("start", [b"", b"a=", b"a=(", b'a="', b"a=:", b"a;a=(1 "])
def test_a_long_field_costs_no_more_than_its_length(start: bytes, unit: bytes) -> None:
    value = start + unit * (65536 // len(unit)) + b"\x00"
    began = time.process_time()
    assert parse_priority(value) == (3, False)
    assert time.process_time() - began < 0.5  # what looks back takes minutes
