"""Bytes that wait: taken off the front, request by request."""

from __future__ import annotations

_LARGE = 8192
"""More than this that waits is kept so that taking from its front moves nothing."""


def after_front(data: bytes | bytearray, count: int) -> bytes | bytearray:
    """`data` without its first bytes: each of many pipelined requests is taken off the front."""
    if len(data) < _LARGE or count == len(data):
        return bytes(data[count:])
    if not isinstance(data, bytearray):
        data = bytearray(data)
    del data[:count]
    return data
