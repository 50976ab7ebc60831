"""Inherited listeners: `fd://N`, a socket that another program opened, such as systemd.

The descriptor becomes ours: it is made non-blocking and close-on-exec. One that is bound but does
not listen yet is told to; what is no stream listener at all is refused and left as it was.
"""

from __future__ import annotations

import os
import socket
import stat
import sys

from nonecorn.spi import BindError, BindRequest, Bound, ConfigError
from nonecorn.spi.bind_address import display
from nonecorn.spi.bind_failures import reason

_PREFIX = "fd://"


def bind(request: BindRequest) -> list[Bound]:
    """Take over a file descriptor.

    Raises:
        ConfigError: The string is not `fd://N`.
        BindError: The descriptor is not open, or no stream socket that listens or could.
    """
    address = request.address
    digits = address.removeprefix(_PREFIX)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        message = f"bind {address!r}: write fd://N with the number of an open file descriptor"
        raise ConfigError(message)
    return [adopt(address, int(digits), request.backlog)]


def adopt(address: str, descriptor: int, backlog: int) -> Bound:
    """Take over the descriptor of a stream socket that listens, or could.

    Args:
        address: The bind string, for messages.
        descriptor: Its number.
        backlog: Length of the queue of one that does not listen yet.

    Raises:
        BindError: As for `bind`; the descriptor stays open.
    """
    _check_is_socket(address, descriptor)
    try:
        sock = socket.socket(fileno=descriptor)  # finds out family, type and protocol
    except OSError as error:
        raise _refusal(address, reason(error)) from error
    try:
        _check_can_listen(address, sock)
        if not _listens(sock):
            sock.listen(backlog)
        sock.setblocking(False)
        sock.set_inheritable(False)
        shown = display(sock)
    except OSError as error:
        sock.detach()
        raise _refusal(address, reason(error)) from error
    except BindError:
        sock.detach()  # not ours after all: it stays open
        raise
    return Bound(sock=sock, display=shown)


def _check_is_socket(address: str, descriptor: int) -> None:
    if sys.platform == "win32":
        return  # sockets are handles there, which fstat does not know; socket() tells
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError as error:
        text = "it is not open in this process: have the program that starts this one pass it on"
        raise _refusal(address, text) from error
    if not stat.S_ISSOCK(mode):
        raise _refusal(address, "it is no socket: check the number")


def _check_can_listen(address: str, sock: socket.socket) -> None:
    families = {socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_UNIX", socket.AF_INET)}
    if sock.family not in families:
        family = int(sock.family)
        raise _refusal(address, f"its address family {family} is neither IP nor unix")
    if sock.type != socket.SOCK_STREAM:
        text = "it is no stream socket: a datagram socket serves QUIC, with --quic-bind"
        raise _refusal(address, text)
    try:
        sock.getpeername()
    except OSError:
        pass
    else:
        text = "it is an accepted connection: pass the listening socket (systemd: Accept=no)"
        raise _refusal(address, text)
    name = sock.getsockname()
    if not name or (sock.family in (socket.AF_INET, socket.AF_INET6) and name[1] == 0):
        text = "the socket is not bound to an address: bind it before it is passed on"
        raise _refusal(address, text)


def _refusal(address: str, text: str) -> BindError:
    return BindError(f"cannot serve {address}: {text}")


def _listens(sock: socket.socket) -> bool:
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except (AttributeError, OSError):
        return False  # the platform cannot tell; to listen once more does no harm
