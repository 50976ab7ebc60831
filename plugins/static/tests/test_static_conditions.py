"""Conditional requests, in the order of RFC 9110 section 13.2.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn.spi import http_date
from nonecorn_static._conditions import (
    evaluate,
    fields_of,
    matches,
    parse_date,
    range_applies,
)

TAG, WEAK = b'"a"', b'W/"a"'
THEN = 784111777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = b"Sun, 06 Nov 1994 08:49:36 GMT"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        # If-None-Match: the client has it, by weak comparison
        ({b"if-none-match": TAG}, 304),
        ({b"if-none-match": WEAK}, 304),
        ({b"if-none-match": b'"b" , W/"c",, "a"'}, 304),
        ({b"if-none-match": b"*"}, 304),
        ({b"if-none-match": b'"b"'}, 200),
        ({b"if-none-match": b"a"}, 200),
        ({b"if-none-match": b""}, 200),
        # If-Modified-Since counts only without it
        ({b"if-modified-since": DATE}, 304),
        ({b"if-modified-since": EARLIER}, 200),
        ({b"if-modified-since": b"yesterday"}, 200),
        ({b"if-none-match": b'"b"', b"if-modified-since": DATE}, 200),
        ({b"if-none-match": TAG, b"if-modified-since": EARLIER}, 304),
        # If-Match comes first, and takes strong tags only
        ({b"if-match": TAG}, 200),
        ({b"if-match": b"*"}, 200),
        ({b"if-match": b'"b"'}, 412),
        ({b"if-match": WEAK}, 412),
        ({b"if-match": TAG, b"if-none-match": TAG}, 304),
        ({b"if-match": b'"b"', b"if-none-match": TAG}, 412),
        # If-Unmodified-Since counts only without it
        ({b"if-unmodified-since": DATE}, 200),
        ({b"if-unmodified-since": EARLIER}, 412),
        ({b"if-unmodified-since": b"yesterday"}, 200),
        ({b"if-match": TAG, b"if-unmodified-since": EARLIER}, 200),
    ],
)
def test_conditions_come_to_a_status(fields: dict[bytes, bytes], status: int) -> None:
    assert evaluate(fields, TAG, THEN) == status


def test_a_weak_tag_never_matches_strongly() -> None:
    assert evaluate({b"if-match": WEAK}, WEAK, THEN) == 412
    assert evaluate({b"if-match": b"*"}, WEAK, THEN) == 200
    assert evaluate({b"if-none-match": TAG}, WEAK, THEN) == 304


@pytest.mark.parametrize(
    ("value", "tag", "now", "applies"),
    [
        (TAG, TAG, THEN, True),
        (b'"b"', TAG, THEN, False),
        (WEAK, WEAK, THEN + 1000, False),  # weak tags tell no bytes apart
        (DATE, TAG, THEN + 60, True),
        (DATE, TAG, THEN + 59, False),  # nor does a date that is this young
        (EARLIER, TAG, THEN + 60, False),
        (b"", TAG, THEN, False),
    ],
)
def test_a_range_is_of_what_the_client_has(
    value: bytes, tag: bytes, now: float, applies: bool
) -> None:
    assert range_applies({b"if-range": value}, tag, THEN, now) is applies


def test_without_a_condition_a_range_applies() -> None:
    assert range_applies({}, WEAK, THEN, THEN)


def test_lists_in_several_fields_are_one_and_other_fields_may_not_repeat() -> None:
    headers = [
        (b"if-none-match", b'"a"'),
        (b"if-none-match", b'"b"'),
        (b"range", b"bytes=0-1"),
        (b"range", b"bytes=2-3"),
        (b"cookie", b"c"),
    ]
    assert fields_of(headers) == {b"if-none-match": b'"a","b"'}


@pytest.mark.parametrize(
    "value",
    [DATE, b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"],
)
def test_the_three_forms_of_dates_are_read(value: bytes) -> None:
    assert parse_date(value) == THEN


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"784111777",
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 CET",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Foo 1994 08:49:37 GMT",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
        b"Sun, 32 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:49:37 GMT",
        b"Sun, 06 Nov 1994 08:60:37 GMT",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
    ],
)
def test_what_is_no_date_is_none(value: bytes) -> None:
    assert parse_date(value) is None


@given(st.integers(0, 4102444800))
def test_what_is_written_is_read(moment: int) -> None:
    assert parse_date(http_date(moment)) == moment


@given(st.binary(max_size=40))
def test_no_field_does_harm(value: bytes) -> None:
    parse_date(value)
    matches(value, TAG, strong=False)
    matches(value, TAG, strong=True)


@given(st.lists(st.from_regex(rb'(W/)?"[!#-~]{0,5}"', fullmatch=True), max_size=6))
def test_a_tag_is_found_in_any_list_that_has_it(tags: list[bytes]) -> None:
    value = b" , ".join(tags)
    assert matches(value, TAG, strong=True) == (TAG in tags)
    assert matches(value, TAG, strong=False) == bool({TAG, WEAK} & set(tags))
