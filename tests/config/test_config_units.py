"""Durations and sizes: what is read, what is refused, and how they are shown."""

from __future__ import annotations

import pytest

from nonecorn.spi.units import format_bytes, format_seconds, parse_bytes, parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10.0),
        ("1.5", 1.5),
        ("10s", 10.0),
        ("500ms", 0.5),
        ("1m30s", 90.0),
        ("2h", 7200.0),
        ("1h1m1s1ms", 3661.001),
        (" 3S ", 3.0),
        ("0", 0.0),
    ],
)
def test_duration_is_read(text, seconds):
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "1x", "inf", "nan", "1e400", "30s1m", "1.2.3s", "1 hour", "٣s", "1m s"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is no duration: write"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("65536", 65536),
        ("64KiB", 65536),
        ("16 mib", 16 << 20),
        ("1GiB", 1 << 30),
        ("1.5KiB", 1536),
        ("7B", 7),
    ],
)
def test_size_is_read(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "64KB", "1.3B", "nan", "1.2.3KiB", "64Ki"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is no size: write"):
        parse_bytes(text)


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.5, 5.0, 60.0, 90.0, 3600.0, 3661.5, 0.00001])
def test_shown_duration_is_read_back(seconds):
    assert parse_seconds(format_seconds(seconds)) == pytest.approx(seconds)


def test_durations_are_shown_in_the_largest_units():
    assert [format_seconds(value) for value in (0, 0.5, 10, 60, 90, 7200)] == [
        "0", "500ms", "10s", "1m", "1m30s", "2h",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0"), (1000, "1000"), (65536, "64KiB"), (1 << 30, "1GiB")]
)
def test_sizes_are_shown_in_the_largest_unit_that_divides_them(size, text):
    assert format_bytes(size) == text
    assert parse_bytes(text) == size
