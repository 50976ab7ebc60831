"""Where workers stand among each other, for those transports that must know: see `Place`.

A QUIC connection belongs to one worker, while its datagrams may reach another one: after a reload,
or where the system does not steer them. So each worker has a number, and a socket of that name in a
directory that all of them share.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonecorn.serving.privileges import identity_of
from nonecorn.spi import Place, StartupError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nonecorn.plan import Plan

_LONGEST = 80
"""Characters of a directory: the path of a socket may have some hundred (unix(7))."""


class Places:
    """The places of one server, over its reloads, and those of the program that replaces it.

    Args:
        told: What the program that this one replaces said, `as_json`; None where there was none.
    """

    def __init__(self, told: Mapping[str, Any] | None = None) -> None:
        self._directory = "" if told is None else str(told["directory"])
        self._secret = secrets.token_bytes(32) if told is None else bytes.fromhex(told["secret"])
        self._last = secrets.randbelow(65536)
        self._ours = told is None

    def __repr__(self) -> str:
        return f"<Places in {self._directory or 'no directory yet'}>"

    def as_json(self) -> dict[str, str]:
        """What the program that replaces this one needs to know."""
        return {"directory": self._directory, "secret": self._secret.hex()}

    def next(self, plan: Plan) -> Place:
        """A place for a new worker; all alike where the plan has no listener that asks for more.

        Raises:
            StartupError: The directory cannot be made.
        """
        if not plan.datagrams:
            return Place(secret=self._secret)
        directory = self._made(plan)
        # Also the other program draws numbers here, while one replaces the other.
        self._last = (self._last + 1 + secrets.randbelow(64)) % 65536
        while directory and os.path.lexists(f"{directory}/{self._last}"):
            self._last = (self._last + 1) % 65536
        return Place(identity=self._last, directory=directory, secret=self._secret)

    def claim(self) -> None:
        """The directory is this program's: the one that it replaces will leave it."""
        self._ours = True

    def close(self) -> None:
        """Remove the directory, if it is this program's: the last worker has ended."""
        if self._directory and self._ours:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _made(self, plan: Plan) -> str:
        if self._directory or sys.platform == "win32":  # which has no datagram sockets with names
            return self._directory
        try:
            made = tempfile.mkdtemp(prefix="nonecorn-")
            if len(made) > _LONGEST:
                Path(made).rmdir()
                made = tempfile.mkdtemp(prefix="nonecorn-", dir="/tmp")  # its mode is 0700
            identity = identity_of(plan.server)
            if identity is not None:
                user = -1 if identity.user is None else identity.user
                group = -1 if identity.group is None else identity.group
                os.chown(made, user, group)
                with contextlib.suppress(OSError):
                    os.chmod(made, 0o700 if identity.user is not None else 0o770)  # noqa: PTH101
        except OSError as error:
            message = f"no directory for the workers' sockets can be made: {error}"
            raise StartupError(message) from error
        self._directory = made
        return made
