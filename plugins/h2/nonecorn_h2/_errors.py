"""Error codes (RFC 9113 section 7), and the two ways in which a peer can be wrong.

Only these two leave an engine; what a connection does about them is its own business. Their
`reason` goes to the log and to observers, never to the peer.
"""

from __future__ import annotations

import enum

from nonecorn.spi import ProtocolError


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


class _PeerError(ProtocolError):
    """What the peer did, and what it is told.

    Attributes:
        code: For the frame that says so.
        reason: A short word for the log, such as `content-length`.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code.name} {reason}")


class ConnectionFault(_PeerError):  # noqa: N818  # RFC 9113 has "connection error" for it
    """The connection cannot go on: GOAWAY (RFC 9113 section 5.4.1)."""


class StreamFault(_PeerError):  # noqa: N818
    """The stream cannot: RST_STREAM (RFC 9113 section 5.4.2), which is also for what is malformed
    (section 8.1.1).
    """
