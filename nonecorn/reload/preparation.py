"""What a plan becomes where the application is started anew with every change."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonecorn.reload.tree import Tree
from nonecorn.reload.unavailable import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nonecorn.config.schema import ServerSettings
    from nonecorn.plan import Plan
    from nonecorn.supervisor.generation import Generation

DRAIN = 1.0
"""Seconds at most that open requests have when the application is started anew."""
SHUTDOWN = 5.0
"""Seconds at most that its lifespan shutdown has."""
_FILE = re.compile(r"(.+\.py)(?::.*)?")
_TEXT = 4000
"""Characters of a reason that are passed on."""


def for_development(plan: Plan) -> Plan:
    """The plan of a worker that nobody waits for long, and whose health nobody asks for."""
    server = plan.server
    listeners = tuple(listener for listener in plan.listeners if not listener.health)
    return _with(
        replace(plan, listeners=listeners),
        health_bind=(),
        drain_delay=0.0,
        graceful_timeout=min(server.graceful_timeout, DRAIN),
        shutdown_timeout=min(server.shutdown_timeout or SHUTDOWN, SHUTDOWN),
    )


def stand_in(generation: Generation, reason: str) -> Generation:
    """What serves in the place of an application that cannot be started, and says why."""
    plan = _with(
        replace(generation.plan, middleware=()),
        app="nonecorn.reload.unavailable:app",
        factory=False,
        interface="asgi3",
        lifespan="off",
        max_requests=0,
        middleware=(),
    )
    return replace(
        generation,
        plan=plan,
        pickled=pickle.dumps(plan),
        environ={**generation.environ, VARIABLE: reason.replace("\0", "")[:_TEXT]},
    )


def tree_of(server: ServerSettings, configuration: Iterable[str]) -> Tree:
    """What is watched.

    Args:
        server: Says what.
        configuration: Files that the configuration is read from.
    """
    return Tree(
        server.reload_dir or _places(server),
        configuration,
        include=server.reload_include,
        exclude=server.reload_exclude,
    )


def _places(server: ServerSettings) -> list[str]:
    """Where the application's modules are imported from, of what is the user's to edit."""
    found = [server.app_dir]
    file = _FILE.fullmatch(server.app or "")
    if file is not None:
        directory = Path(file[1]).resolve().parent
        while (directory / "__init__.py").is_file():
            directory = directory.parent
        found.append(str(directory))
    return found


def _with(plan: Plan, **changed: Any) -> Plan:
    server = replace(plan.server, **changed)
    return replace(plan, settings={**plan.settings, "": server})
