"""HTTP datagrams (RFC 9297): QUIC datagrams that begin with a quarter of a stream's number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode

if TYPE_CHECKING:
    from nonecorn_h3._http._connection import H3Connection

_MOST_QUARTER = f.MOST_INTEGER >> 2


class Datagrams:
    """One connection's.

    Attributes:
        allowed: The client has said that it takes them, in its SETTINGS.
    """

    __slots__ = ("_connection", "allowed")

    def __init__(self, connection: H3Connection) -> None:
        self._connection = connection
        self.allowed = False

    def __repr__(self) -> str:
        return f"<Datagrams {'allowed' if self.allowed else 'not allowed'}>"

    def most(self, stream_id: int) -> int:
        """Most bytes of a datagram of this stream now."""
        if not self.allowed:
            return 0
        return max(0, self._connection.port.max_datagram - len(f.encode_integer(stream_id >> 2)))

    def send(self, stream_id: int, data: bytes) -> bool:
        """Send one; False: it was dropped."""
        if not self.allowed:
            return False
        return self._connection.port.send_datagram(f.encode_integer(stream_id >> 2) + data)

    def received(self, data: bytes) -> None:
        """One came: to whoever wants those of its stream.

        Raises:
            ConnectionFault: It names no stream that could be (section 2.1).
        """
        try:
            quarter, start = f.read_integer(data, 0)
        except IndexError as error:
            raise ConnectionFault(ErrorCode.DATAGRAM_ERROR, "datagram") from error
        if quarter > _MOST_QUARTER:
            raise ConnectionFault(ErrorCode.DATAGRAM_ERROR, "datagram")
        connection = self._connection
        exchange = connection.exchanges.get(quarter << 2)
        if exchange is not None and exchange.datagrams is not None:
            exchange.datagrams(data[start:])
        # Otherwise the stream has gone, has not come yet, or has no use for it: section 2.1 has
        # datagrams dropped then.
