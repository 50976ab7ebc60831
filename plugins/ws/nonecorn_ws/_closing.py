"""Close codes and the payload of close frames (RFC 6455 sections 5.5.1 and 7.4)."""

from __future__ import annotations

from nonecorn_ws._codec import NO_CODE, Close, FrameError

MAX_REASON = 123
"""Bytes: a control frame holds 125, and the code takes two."""

# RFC 6455 section 7.4.1, and IANA's registry for 1012 to 1014. 1004 is reserved; 1005, 1006 and
# 1015 never stand in a frame; what is below 3000 otherwise is for future protocols.
_REGISTERED = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))


def may_be_sent(code: object) -> bool:
    """Whether a close frame may have this code (RFC 6455 section 7.4.2)."""
    return type(code) is int and (code in _REGISTERED or 3000 <= code <= 4999)


def close_of(payload: bytes) -> Close:
    """What a close frame says.

    Raises:
        FrameError: 1002 for a code that may not be sent, 1007 for a reason that is no UTF-8.
    """
    if not payload:
        return Close(code=NO_CODE, reason="")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not may_be_sent(code):
        raise FrameError(1002, "invalid close code")
    try:
        return Close(code=code, reason=str(payload[2:], "utf-8"))
    except UnicodeDecodeError:
        raise FrameError(1007, "invalid UTF-8") from None
