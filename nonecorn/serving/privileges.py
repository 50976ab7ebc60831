"""Becoming another user once everything that needs root is open: sockets, keys, the PID file.

`identity_of` reads the settings and `become` acts on them, so that a misspelled name is an error
before the first address is bound. What the application does, its import included, comes after.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nonecorn.builtin.sockets.accounts import group_id, user_id
from nonecorn.spi import ConfigError, StartupError

if TYPE_CHECKING:
    from nonecorn.config.schema import ServerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a process is to be; plain data, for workers too.

    Attributes:
        user: Number of the user; None leaves it.
        group: Number of the group; None leaves it.
        name: The user's name, for its further groups; empty where it has no account.
        home: Its home directory.
    """

    user: int | None = None
    group: int | None = None
    name: str = ""
    home: str = ""

    def __str__(self) -> str:
        parts = []
        if self.user is not None:
            parts.append(f"user {self.name or self.user}")
        if self.group is not None:
            parts.append(f"group {self.group}")
        return ", ".join(parts)


def identity_of(server: ServerSettings) -> Identity | None:
    """What `user` and `group` ask for; None where they ask for nothing.

    Raises:
        ConfigError: The machine has no such user or group, or no users at all.
    """
    if server.user is None and server.group is None:
        return None
    group = None if server.group is None else group_id(server.group, "group")
    if server.user is None:
        return Identity(group=group)
    user = user_id(server.user, "user")
    if sys.platform == "win32":
        return None  # `user_id` has raised
    import pwd  # noqa: PLC0415  # POSIX only

    try:
        account = pwd.getpwuid(user)
    except KeyError:
        if group is None:
            message = f"user: {user} has no account on this machine: name its group too"
            raise ConfigError(message) from None
        return Identity(user=user, group=group)
    return Identity(
        user=user,
        group=account.pw_gid if group is None else group,
        name=account.pw_name,
        home=account.pw_dir,
    )


def become(identity: Identity | None) -> None:
    """Give up what this process is for another user and group, for good.

    The groups become those of the user, and `HOME`, `USER` and `LOGNAME` its own. Nothing happens
    where the process is that user already.

    Raises:
        StartupError: It may not, or could go back.
    """
    if identity is None or sys.platform == "win32":
        return
    user, group = identity.user, identity.group
    if user in (None, os.geteuid()) and group in (None, os.getegid()) and os.geteuid() != 0:
        return
    try:
        # In this order: each step needs what the next gives up.
        if group is not None:
            if identity.name:
                os.initgroups(identity.name, group)
            else:
                os.setgroups([group])
            os.setgid(group)
        if user is not None:
            os.setuid(user)
    except PermissionError as error:
        message = f"only root may become {identity}: start as root, or without --user and --group"
        raise StartupError(message) from error
    except OSError as error:
        message = f"cannot become {identity}: {error.strerror}"
        raise StartupError(message) from error
    if user and _may_return():
        message = f"the process became {identity} and could still be root again"
        raise StartupError(message)
    if identity.name:
        os.environ.update(HOME=identity.home, USER=identity.name, LOGNAME=identity.name)


def apply_umask(server: ServerSettings) -> None:
    """Set the umask that the settings ask for, if any."""
    if server.umask is not None:
        os.umask(int(server.umask, 8))


def _may_return() -> bool:
    if sys.platform == "win32":
        return False
    try:
        os.setuid(0)
    except PermissionError:
        return False
    return True
