"""SETTINGS (RFC 9114 section 7.2.4): a list of integers in pairs, once, first."""

from __future__ import annotations

from collections.abc import Mapping

from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode

_FROM_HTTP2 = frozenset((0x0, 0x2, 0x3, 0x4, 0x5))
_FLAGS = frozenset((f.ENABLE_CONNECT_PROTOCOL, f.H3_DATAGRAM))


def encode_settings(values: Mapping[int, int]) -> bytes:
    """A SETTINGS frame."""
    parts = [f.encode_integer(name) + f.encode_integer(value) for name, value in values.items()]
    return f.encode_frame(f.SETTINGS, b"".join(parts))


def read_settings(payload: bytes) -> dict[int, int]:
    """What a client's SETTINGS frame says; unknown settings, too.

    Raises:
        ConnectionFault: It is malformed, or says what may not be said.
    """
    try:
        integers = f.read_integers(payload)
    except IndexError as error:
        raise ConnectionFault(ErrorCode.FRAME_ERROR, "settings") from error
    if len(integers) % 2:
        raise ConnectionFault(ErrorCode.FRAME_ERROR, "settings")
    values: dict[int, int] = {}
    for name, value in zip(integers[::2], integers[1::2], strict=True):
        if name in _FROM_HTTP2 or name in values:
            raise ConnectionFault(ErrorCode.SETTINGS_ERROR, "settings")
        if name in _FLAGS and value > 1:
            # RFC 9220 section 3 with RFC 8441; RFC 9297 section 2.1.1
            raise ConnectionFault(ErrorCode.SETTINGS_ERROR, "settings")
        values[name] = value
    return values
