"""The one error of the harness: a measurement that cannot be had, and why, in one line."""

from __future__ import annotations


class BenchError(Exception):
    """A server that does not start, a wrong answer, a client that fails."""
