"""Users and groups of the machine, by name or number."""

from __future__ import annotations

import sys

from nonecorn.spi import ConfigError


def user_id(user: str, setting: str) -> int:
    """The number of a user.

    Args:
        user: Name or number.
        setting: Where it was configured, for messages.

    Raises:
        ConfigError: There is none of that name, or this platform has no users of this kind.
    """
    if sys.platform == "win32":
        raise _not_here(setting)
    if _is_number(user):
        return int(user)
    import pwd  # noqa: PLC0415  # POSIX only

    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        message = f"{setting}: this machine has no user {user!r}"
        raise ConfigError(message) from None


def group_id(group: str, setting: str) -> int:
    """The number of a group; see `user_id`."""
    if sys.platform == "win32":
        raise _not_here(setting)
    if _is_number(group):
        return int(group)
    import grp  # noqa: PLC0415  # POSIX only

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        message = f"{setting}: this machine has no group {group!r}"
        raise ConfigError(message) from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _not_here(setting: str) -> ConfigError:
    return ConfigError(f"{setting}: Windows has neither users nor groups of this kind")
