"""What is made of one TLS configuration, and kept until there is another."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aioquic.quic.configuration import QuicConfiguration

from nonecorn_h3._quic._aioquic._certificates import Credentials
from nonecorn_h3._quic._aioquic._key_log import KeyLog
from nonecorn_h3._quic._aioquic._qlog import QlogDirectory
from nonecorn_h3._quic._aioquic._verification import Verification
from nonecorn_h3._quic._ids import ID_LENGTH
from nonecorn_h3._quic._packets import SMALLEST_DATAGRAM

if TYPE_CHECKING:
    from nonecorn.spi import TLSConfig
    from nonecorn_h3._quic._aioquic._tickets import Tickets
    from nonecorn_h3._quic._engine import Environment

_DATAGRAM_FRAME = 65535
"""Largest DATAGRAM frame taken: any that a UDP datagram can carry (RFC 9221 section 3)."""


class Snapshot:
    """Certificates and rules of the connections that begin now.

    Args:
        environment: Of the endpoint.
        config: Certificates.
        tickets: Of the server.
        versions: QUIC versions, preferred ones first.

    Raises:
        CertificateError: A certificate cannot be used.
        ConfigError: The directory for qlog cannot be used.

    Attributes:
        config: As given.
        configuration: aioquic's.
        credentials: Certificates by host.
        verification: Rules for clients' certificates; None where they are not asked for any.
        tickets: As given; None where no session is resumed. A session whose client has shown a
            certificate is not: the certificate may have been revoked since.
        early_data: 0-RTT data is taken.
        conditions: Digest of what such data relies on (RFC 9000 section 7.4.1).
    """

    __slots__ = (
        "conditions", "config", "configuration", "credentials", "early_data", "tickets",
        "verification",
    )  # fmt: skip

    def __init__(
        self,
        environment: Environment,
        config: TLSConfig,
        tickets: Tickets,
        versions: tuple[int, ...],
    ) -> None:
        settings = environment.settings
        self.config = config
        self.credentials = Credentials(config)
        self.verification = None if config.verify_mode == "none" else Verification(config)
        self.tickets = tickets if settings.session_tickets and self.verification is None else None
        self.early_data = settings.early_data and self.tickets is not None
        limits = environment.context.limits
        self.conditions = hashlib.blake2s(
            repr((settings, limits, environment.alpn)).encode(), digest_size=8
        ).digest()
        default = self.credentials.select(None)
        self.configuration = QuicConfiguration(
            is_client=False,
            alpn_protocols=[name.decode("ascii") for name in environment.alpn],
            certificate=default.certificate,
            certificate_chain=default.chain,
            congestion_control_algorithm=settings.congestion_control,
            connection_id_length=ID_LENGTH,
            idle_timeout=settings.idle_timeout,
            max_datagram_frame_size=_DATAGRAM_FRAME,
            max_datagram_size=SMALLEST_DATAGRAM,
            private_key=default.key,
            quic_logger=None if settings.qlog is None else QlogDirectory(settings.qlog),
            secrets_log_file=None if config.key_log is None else KeyLog(config.key_log),  # type: ignore[arg-type]
            supported_versions=list(versions),
        )

    def __repr__(self) -> str:
        return f"<Snapshot {self.credentials!r} {self.verification!r}>"
