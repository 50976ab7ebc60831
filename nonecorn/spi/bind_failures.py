"""Turns the operating system's refusals into one line that says what to do."""

from __future__ import annotations

import errno
import os

from nonecorn.spi.errors import BindError


def reason(error: OSError) -> str:
    """The system's own words for an error, without number or file name."""
    return os.strerror(error.errno).lower() if error.errno else str(error)


def tcp_error(address: str, error: OSError) -> BindError:
    """A `BindError` for an address that could not be bound or listened on."""
    match error.errno:
        case errno.EADDRINUSE:
            text = "another program listens there: choose another address with --bind, or stop it"
        case errno.EACCES | errno.EPERM:
            text = (
                "permission denied: choose a port of 1024 or above, or grant the right to bind "
                "low ones (CAP_NET_BIND_SERVICE, or a socket passed as fd://N)"
            )
        case errno.EADDRNOTAVAIL:
            text = (
                "no interface of this machine has that address: choose one that it has, "
                "or ':PORT' for all"
            )
        case errno.EAFNOSUPPORT:
            text = "this machine does not speak that address family"
        case errno.EMFILE | errno.ENFILE:
            text = "too many open files: raise the limit (ulimit -n)"
        case _:
            text = reason(error)
    return BindError(f"cannot bind {address}: {text}")
