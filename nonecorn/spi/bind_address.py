"""Reads `HOST:PORT` bind strings, and writes socket addresses the way a user would type them.

    127.0.0.1:8000   [::1]:8000   localhost:8000   :8000   *:8000   localhost   *

A missing port is 8000, a missing host (or `*`) every address of the machine. An IPv6 address stands
in brackets, since nothing else tells its last group from a port.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import Any

from nonecorn.spi.errors import ConfigError

DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class TCPAddress:
    """A bind string, understood.

    Attributes:
        host: Host name or address without brackets; empty for every address of the machine.
        port: 0 lets the system choose.
    """

    host: str
    port: int


def parse(text: str) -> TCPAddress:
    """Read a bind string.

    Raises:
        ConfigError: It has another form; says which was meant where that can be told.
    """
    if "/" in text:
        raise _misfit(text, "write HOST:PORT, [IPV6]:PORT, unix:PATH, fd://N or systemd:NAME")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _misfit(text, "write an IPv6 address as [ADDRESS]:PORT")
        if not _is_ipv6(host):
            raise _misfit(text, "what stands in brackets must be an IPv6 address")
        return TCPAddress(host=host, port=_port(rest[1:], text) if rest else DEFAULT_PORT)
    if text.count(":") > 1:
        raise _misfit(text, "an IPv6 address stands in brackets, as in '[::1]:8000'")
    host, colon, port = text.partition(":")
    if not text:
        raise _misfit(text, "write HOST:PORT; ':8000' serves every address of this machine")
    if not colon and host.isascii() and host.isdigit():
        hint = f"a port alone is written ':{text}', or '127.0.0.1:{text}' for this machine only"
        raise _misfit(text, hint)
    return TCPAddress(
        host="" if host == "*" else host, port=_port(port, text) if colon else DEFAULT_PORT
    )


def _misfit(text: str, hint: str) -> ConfigError:
    return ConfigError(f"bind {text!r}: {hint}")


def _port(port: str, text: str) -> int:
    # int() alone would take " 80", "8_0", "-1" and other scripts' digits.
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise _misfit(text, "the port must be a number from 0 to 65535")
    return int(port)


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def display(sock: socket.socket) -> str:
    """The address that a socket is bound to, as a bind string."""
    name: Any = sock.getsockname()
    if sock.family == socket.AF_INET6:
        return f"[{name[0]}]:{name[1]}"
    if sock.family == socket.AF_INET:
        return f"{name[0]}:{name[1]}"
    if isinstance(name, bytes) and name.startswith(b"\0"):  # Linux's abstract namespace
        return f"unix:@{os.fsdecode(name[1:])}"
    return f"unix:{os.fsdecode(name)}"
