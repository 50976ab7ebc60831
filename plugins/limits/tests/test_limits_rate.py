"""The rate, as arithmetic: never more than it says, and never less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nonecorn_limits._rate import RateTable

GAPS = st.lists(st.floats(0, 5, allow_nan=False), max_size=60)


@given(gaps=GAPS, count=st.integers(1, 20), burst=st.integers(1, 20))
def test_no_stretch_of_time_lets_more_through(gaps: list[float], count: int, burst: int) -> None:
    table, now, accepted = RateTable(count, 10.0, burst, 10), 1000.0, []
    for gap in gaps:
        now += gap
        if table.take("client", now)[0] >= 0:
            accepted.append(now)
    for start in range(len(accepted)):
        for end in range(start, len(accepted)):
            allowed = burst + (accepted[end] - accepted[start]) * count / 10.0
            assert end - start + 1 <= allowed + 1e-6


@given(gaps=GAPS, count=st.integers(1, 20), burst=st.integers(1, 20))
def test_who_comes_when_told_is_let_in(gaps: list[float], count: int, burst: int) -> None:
    table, now = RateTable(count, 10.0, burst, 10), 1000.0
    for gap in gaps:
        now += gap
        left, seconds = table.take("client", now)
        if left < 0:
            now += seconds
            assert table.take("client", now)[0] >= 0


@given(gaps=GAPS, burst=st.integers(1, 10))
def test_what_is_left_is_what_one_gets(gaps: list[float], burst: int) -> None:
    table, now = RateTable(7, 10.0, burst, 10), 1000.0
    for gap in gaps:
        now += gap
        left, _ = table.take("client", now)
        for expected in range(left - 1, -1, -1):
            assert table.take("client", now)[0] == expected
        if left >= 0:
            assert table.take("client", now)[0] == -1
