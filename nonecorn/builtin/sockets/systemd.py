"""Listeners that systemd opened: `systemd:NAME`, or `systemd:` for all of them.

NAME is the socket unit's `FileDescriptorName=`, or the unit's own name (`app.socket`); one name may
stand for several sockets. Datagram sockets, which serve QUIC, are not meant by `systemd:`.
"""

from __future__ import annotations

import socket

from nonecorn.builtin.sockets.activation import PassedSocket, passed
from nonecorn.builtin.sockets.fd import adopt
from nonecorn.spi import BindError, BindRequest, Bound

_PREFIX = "systemd:"


def bind(request: BindRequest) -> list[Bound]:
    """Take over what systemd passed.

    Raises:
        BindError: Nothing was passed, nothing of that name, or something that cannot listen.
    """
    address = request.address
    name = address.removeprefix(_PREFIX)
    sockets = passed()
    if not sockets:
        message = (
            f"cannot serve {address}: systemd has passed no sockets to this process: start the "
            "service by its .socket unit, or bind HOST:PORT"
        )
        raise BindError(message)
    if name:
        chosen = [each for each in sockets if each.name == name]
    else:
        chosen = [each for each in sockets if not _is_datagram(each)]
    if not chosen:
        names = ", ".join(sorted({each.name for each in sockets}))
        what = f"no socket named {name!r}" if name else "datagram sockets only"
        message = f"cannot serve {address}: systemd has passed {what} (names: {names})"
        raise BindError(message)
    return [adopt(address, each.descriptor, request.backlog) for each in chosen]


def _is_datagram(passed: PassedSocket) -> bool:
    try:
        sock = socket.socket(fileno=passed.descriptor)
    except OSError:
        return False  # `adopt` says what is wrong with it
    try:
        return sock.type == socket.SOCK_DGRAM
    finally:
        sock.detach()
