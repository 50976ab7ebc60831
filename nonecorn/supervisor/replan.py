"""The configuration read again, for a reload: files, environment file, plugins' settings.

It is read as the program's start read it, in an environment without what the environment file
added then: a name that is set already would keep its old value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nonecorn.spi import ConfigError

if TYPE_CHECKING:
    from nonecorn.plan import Plan


class Replan:
    """See the module.

    Args:
        read: Reads everything and makes a plan of it.
        added: Names that an environment file has added to the environment.
    """

    def __init__(self, read: Callable[[], Plan], added: Iterable[str] = ()) -> None:
        self._read = read
        self._added = set(added)

    def __repr__(self) -> str:
        return f"<Replan {len(self._added)} variables of an environment file>"

    def __call__(self) -> Plan:
        """Read it.

        Raises:
            NonecornError: It cannot be used; the environment is as before.
        """
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environ(before))
        names = set(os.environ)
        try:
            plan = self._read()
        except BaseException as error:
            os.environ.clear()
            os.environ.update(before)
            if isinstance(error, SystemExit):  # of a configuration that is a program
                message = f"the configuration exited with {error.code!r}"
                raise ConfigError(message) from error
            raise
        self._added = set(os.environ) - names
        return plan

    def environ(self, present: dict[str, str]) -> dict[str, str]:
        """An environment as it was before an environment file was read."""
        return {name: value for name, value in present.items() if name not in self._added}
