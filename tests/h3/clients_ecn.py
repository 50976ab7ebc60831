"""aioquic as a client that reads ECN fields, and a network that changes them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nonecorn_h3.testing import EcnClient
from tests.h3.clients_aioquic import Client, Http

_IP_RECVTOS = 13
"""linux/in.h; Python does not name it."""


class MarkClient(Client):
    """One connection.

    Args:
        address: Of the server.
        authority: As for `Client`.
        routers: Given the ECN field of a datagram, returns that with which it arrives; None where
            it does not.
        tells: Acknowledgements say what has arrived.
        **more: As for `Client`.

    Attributes:
        sent: ECN fields with which the server has sent, in order.
    """

    quic: EcnClient

    def __init__(
        self,
        address: tuple[str, int],
        authority: Path,
        *,
        routers: Callable[[int], int | None] = int,
        tells: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(address, authority, http=False, **more)
        self.quic = EcnClient(configuration=self.quic.configuration)
        self.quic.tells = tells
        self.http = Http(self.quic)
        self.sent: list[int] = []
        self.routers = routers

    def _receive(self, sock: socket.socket) -> tuple[bytes, Any] | None:
        data, control, _, peer = sock.recvmsg(65536, 100)
        field = next(value[0] & 3 for _, _, value in control)
        self.sent.append(field)
        arrives = self.routers(field)
        if arrives is None:
            return None
        self.quic.field = arrives
        return data, peer

    def _socket(self) -> socket.socket:
        sock = super()._socket()
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTOS, 1)
        return sock
