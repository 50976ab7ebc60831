"""Makes the connections of an endpoint, from the TLS configuration of the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn.spi import ConfigError, NonecornError
from nonecorn_h3._quic._aioquic._connection import Connection
from nonecorn_h3._quic._aioquic._snapshot import Snapshot
from nonecorn_h3._quic._aioquic._tickets import Tickets
from nonecorn_h3._quic._packets import VERSION_1, VERSION_2
from nonecorn_h3._quic._place import place_of

if TYPE_CHECKING:
    from nonecorn.spi import TLSSource
    from nonecorn_h3._quic._engine import Arrival, EngineEvents, Environment


class AioquicEngines:
    """See `nonecorn_h3._quic._engine.Engines`.

    Args:
        environment: What is shared with the endpoint.

    Raises:
        ConfigError: The listener has no certificates.
        CertificateError: A certificate cannot be used.

    Attributes:
        environment: As given.
        versions: QUIC versions.
    """

    __slots__ = ("_refused", "_snapshot", "_tickets", "_tls", "environment", "versions")

    def __init__(self, environment: Environment) -> None:
        source = environment.context.tls
        if source is None:
            message = "QUIC is always encrypted (RFC 9001): give --certfile and --keyfile"
            raise ConfigError(message)
        self.environment = environment
        self.versions = (VERSION_1, VERSION_2)
        self._tls: TLSSource = source
        self._tickets = Tickets(place_of(environment.context.place))
        self._snapshot = Snapshot(environment, source.config, self._tickets, self.versions)
        self._refused: Any = None

    def __repr__(self) -> str:
        return f"<AioquicEngines {self._snapshot!r}>"

    def make(self, events: EngineEvents, arrival: Arrival) -> Connection:
        """See `Engines`."""
        return Connection(self.environment, self._present(), events, arrival)

    def _present(self) -> Snapshot:
        """What holds now; what cannot be used is told once, and the last that could is kept."""
        config = self._tls.config
        if config is not self._snapshot.config and config is not self._refused:
            try:
                self._snapshot = Snapshot(self.environment, config, self._tickets, self.versions)
            except NonecornError as error:
                self._refused = config
                message = "%s; QUIC keeps the certificate before"
                self.environment.context.log.error(message, error)  # noqa: TRY400  # one line
        return self._snapshot
