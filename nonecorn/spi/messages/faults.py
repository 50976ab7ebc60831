"""The two ways in which a peer of HTTP/2 or HTTP/3 can be wrong.

What a connection does about them is its own business. A `reason` goes to the log and to observers,
never to the peer.
"""

from __future__ import annotations

import typing

from nonecorn.spi.errors import ProtocolError

if typing.TYPE_CHECKING:
    import enum


class PeerFault(ProtocolError):  # noqa: N818  # the RFCs say "connection error", "stream error"
    """What the peer did, and what it is told.

    Attributes:
        code: For the frame that says so, of the protocol's own.
        reason: A short word for the log, such as `content-length`.
    """

    def __init__(self, code: enum.IntEnum, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code.name} {reason}")


class ConnectionFault(PeerFault):
    """The connection cannot go on: GOAWAY (RFC 9113 section 5.4.1), CONNECTION_CLOSE (RFC 9114
    section 8).
    """


class StreamFault(PeerFault):
    """The stream cannot, which is also for what is malformed (RFC 9113 section 8.1.1, RFC 9114
    section 4.1.2): it is reset, and its connection goes on.
    """
