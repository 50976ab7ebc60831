"""What scenarios share: the placement on CPUs, the settings, and one running fleet at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.certs import make_certificate
from bench.fleet import Fleet, Server
from bench.results import Sample
from bench.servers import Certificate, ServerSpec
from bench.system import Placement

Measure = Callable[[], Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """What a scenario measures: calls that give one sample each; or why one cannot be had."""

    measures: Mapping[str, Measure]
    failures: Mapping[str, str] = field(default_factory=dict)


class Lab:
    """Runs servers for scenarios. A context manager: at its end nothing runs any more."""

    __slots__ = (
        "_certificate",
        "_fleet",
        "_key",
        "connections",
        "directory",
        "placement",
        "seconds",
    )

    def __init__(
        self, *, placement: Placement, directory: Path, seconds: int, connections: int
    ) -> None:
        self.placement = placement
        self.directory = directory
        self.seconds = seconds
        """Length of one timed run."""
        self.connections = connections
        """Idle connections of the idle scenario."""
        self._certificate: Certificate | None = None
        self._fleet = Fleet()
        self._key: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def __repr__(self) -> str:
        return f"<Lab {self.placement} fleet={self._fleet!r}>"

    def fleet(self, specs: tuple[ServerSpec, ...], *, tls: bool) -> Fleet:
        """Return `specs` up and running, the same processes as before where nothing differs."""
        key = (specs, tls)
        if key != self._key:
            self.clear()
            if tls and self._certificate is None:
                self._certificate = make_certificate(self.directory)
            self._key = key
            self._fleet.start(
                specs,
                certificate=self._certificate if tls else None,
                cpu=self.placement.server,
                directory=self.directory,
            )
        return self._fleet

    @contextlib.contextmanager
    def alone(self, spec: ServerSpec) -> Iterator[Server]:
        """Run one server with no other beside it.

        Raises:
            BenchError: It does not start.
        """
        self.clear()
        with Fleet() as fleet:
            fleet.start([spec], cpu=self.placement.server, directory=self.directory)
            yield fleet.only()

    def clear(self) -> None:
        """End all servers."""
        self._key = None
        self._fleet.stop()
        self._fleet.failures.clear()
