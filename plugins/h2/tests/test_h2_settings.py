"""`[h2]`: what it means on the wire, and what is refused at start."""

from __future__ import annotations

import pytest

from nonecorn_h2 import _frames as f
from nonecorn_h2._settings import H2Settings


def test_the_largest_values_are_those_of_the_wire():
    assert (
        list(H2Settings(frame_size=f.MOST_FRAME_SIZE, receive_window=f.MOST_WINDOW).problems())
        == []
    )


@pytest.mark.parametrize("name", ["frame_size", "receive_window"])
def test_what_no_frame_can_say_is_a_problem(name):
    [problem] = H2Settings(**{name: 2**31}).problems()
    assert problem.startswith(f"h2.{name} is 2147483648: ")
