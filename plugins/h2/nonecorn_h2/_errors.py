"""Error codes (RFC 9113 section 7), and the two ways in which a peer can be wrong: only these leave
an engine.
"""

from __future__ import annotations

import enum

from nonecorn.spi.messages.faults import ConnectionFault, StreamFault


class ErrorCode(enum.IntEnum):
    """What RST_STREAM and GOAWAY say."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


__all__ = ["ConnectionFault", "ErrorCode", "StreamFault"]
