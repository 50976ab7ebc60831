"""Sockets that systemd opened for this process (sd_listen_fds(3)).

The descriptors follow the standard streams, `LISTEN_FDS` of them. `LISTEN_PID` says which process
is meant: the variables are inherited by children, for which the descriptors are not open.
`LISTEN_FDNAMES` has their names (`FileDescriptorName=`, by default that of the socket unit).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

_FIRST = 3
"""SD_LISTEN_FDS_START."""

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedSocket:
    """One descriptor and its name; `unknown` where the manager gave none."""

    descriptor: int
    name: str


def passed(environ: Mapping[str, str] = os.environ) -> list[PassedSocket]:
    """What was passed to this process; nothing where the variables mean another, or nobody."""
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID", "") != str(os.getpid()) or not _is_count(count):
        return []
    text = environ.get("LISTEN_FDNAMES", "")
    names = text.split(":") if text else []
    return [
        PassedSocket(
            descriptor=_FIRST + index, name=names[index] if index < len(names) else "unknown"
        )
        for index in range(int(count))
    ]


def forget(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take the variables away: children are not to look for what they cannot have."""
    for name in _VARIABLES:
        environ.pop(name, None)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4
