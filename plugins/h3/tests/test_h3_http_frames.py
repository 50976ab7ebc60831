"""Integers, frames and SETTINGS, as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._errors import ConnectionFault
from nonecorn_h3._http._settings_frame import encode_settings, read_settings


# RFC 9000 appendix A.1
@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("c2197c5eff14e88c", 151288809941952652),
        ("9d7f3e7d", 494878333),
        ("7bbd", 15293),
        ("25", 37),
        ("4025", 37),
    ],
)
def test_integers_are_read(encoded, value):
    data = bytes.fromhex(encoded)
    assert f.read_integer(data + b"x", 0) == (value, len(data))
    for end in range(len(data)):
        with pytest.raises(IndexError):
            f.read_integer(data[:end], 0)


@given(st.integers(0, f.MOST_INTEGER))
def test_integers_are_what_they_were(value):
    encoded = f.encode_integer(value)
    assert f.read_integer(encoded, 0) == (value, len(encoded))
    assert len(encoded) in (1, 2, 4, 8)


@pytest.mark.parametrize("bits", [6, 14, 30])
def test_integers_are_short(bits):
    lengths = [len(f.encode_integer(value)) for value in ((1 << bits) - 1, 1 << bits)]
    assert lengths[1] == 2 * lengths[0]


def test_settings_are_what_they_were():
    values = {1: 4096, 6: 65536, 0x21: 0, 0x2B603742: 1}
    encoded = encode_settings(values)
    assert encoded[0] == 4
    assert read_settings(encoded[2:]) == values


@given(st.binary(max_size=64))
def test_any_bytes_are_settings_or_a_fault(payload):
    try:
        values = read_settings(payload)
    except ConnectionFault:
        pass
    else:
        assert all(0 <= number <= f.MOST_INTEGER for pair in values.items() for number in pair)
