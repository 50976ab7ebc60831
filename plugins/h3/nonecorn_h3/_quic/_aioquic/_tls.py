"""The server's side of a TLS 1.3 handshake: aioquic's, with what a server decides by itself.

Certificates by the host that the client names, clients verified, tickets without memory, cipher
suites in an order that suits both, and a bound on what a handshake may make us hold.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from aioquic import tls
from aioquic._buffer import Buffer
from aioquic.quic.connection import MAX_EARLY_DATA
from aioquic.tls import CipherSuite, Epoch

from nonecorn_h3._quic._aioquic._tickets import LIFETIME, Ticket
from nonecorn_h3._quic._aioquic._verification import CertificateRequiredAlert

if TYPE_CHECKING:
    from nonecorn_h3._quic._aioquic._snapshot import Snapshot

MOST_PENDING = 65536
"""Bytes of one handshake message that has not come to its end: a long chain of certificates."""
_FLIGHT = 4096
"""Bytes of our part of a stage, certificates aside."""
_FRESH = 10.0
"""Seconds that the age of a ticket, by the client's clock and by ours, may differ for 0-RTT."""

_SUITES = [
    CipherSuite.AES_128_GCM_SHA256,
    CipherSuite.AES_256_GCM_SHA384,
    CipherSuite.CHACHA20_POLY1305_SHA256,
]
_SUITES_CHACHA = [CipherSuite.CHACHA20_POLY1305_SHA256, *_SUITES[:2]]
"""For clients that prefer it: their machines have no instructions for AES."""


class ServerTLS(tls.Context):
    """One handshake.

    Args:
        snapshot: Certificates and rules.

    Attributes:
        server_name: Host that the client named.
        chain: The client's certificate and those that lead to its CA, PEM; empty for none.
        client_name: Its subject (RFC 4514).
        credential: What the server has shown.
        buffers: Bytes to be set aside for our part of each stage.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._early_offered = False
        self._early_allowed = False
        super().__init__(
            is_client=False,
            alpn_protocols=snapshot.configuration.alpn_protocols,
            cipher_suites=_SUITES,
            max_early_data=MAX_EARLY_DATA if snapshot.early_data else None,
        )
        self._snapshot = snapshot
        self._hello: tls.ClientHello | None = None
        self._request_client_certificate = snapshot.verification is not None
        self.server_name: str | None = None
        self.chain: list[str] = []
        self.client_name: str | None = None
        self.credential = snapshot.credentials.select(None)
        self.buffers = {
            Epoch.INITIAL: _FLIGHT,
            Epoch.HANDSHAKE: _FLIGHT + snapshot.credentials.size,
            Epoch.ONE_RTT: _FLIGHT,
        }
        if snapshot.tickets is not None:
            self.get_session_ticket_cb = self._fetch

    @property
    def early_data_accepted(self) -> bool:
        """0-RTT data of the client is read; aioquic sets it wherever a client has some."""
        return self._early_offered and self._early_allowed

    @early_data_accepted.setter
    def early_data_accepted(self, value: bool) -> None:
        self._early_offered = value

    def handle_message(self, input_data: bytes, output_buf: dict[Epoch, Buffer]) -> None:
        """Bytes of the handshake, in order."""
        if len(self._receive_buffer) + len(input_data) > MOST_PENDING:
            message = f"a handshake message of more than {MOST_PENDING} bytes"
            raise tls.AlertDecodeError(message)
        super().handle_message(input_data, output_buf)

    def _server_handle_hello(
        self, input_buf: Buffer, initial_buf: Buffer, handshake_buf: Buffer
    ) -> None:
        """ClientHello."""
        hello = tls.pull_client_hello(Buffer(data=input_buf.data_slice(0, input_buf.capacity)))
        self._hello = hello
        self.server_name = hello.server_name
        credential = self.credential = self._snapshot.credentials.select(hello.server_name)
        self.certificate = credential.certificate
        self.certificate_chain = credential.chain
        self.certificate_private_key = credential.key
        if hello.cipher_suites and hello.cipher_suites[0] == _SUITES_CHACHA[0]:
            self._cipher_suites = _SUITES_CHACHA
        super()._server_handle_hello(input_buf, initial_buf, handshake_buf)

    def _fetch(self, identity: bytes) -> tls.SessionTicket | None:
        """The session that a client wants to take up; with the same host and protocol only."""
        ticket = None if self._snapshot.tickets is None else self._snapshot.tickets.read(identity)
        if (
            ticket is None
            or ticket.alpn != (self.alpn_negotiated or "").encode()
            or ticket.server_name != (self.server_name or "").encode()
        ):
            return None
        self._early_allowed = (
            self._snapshot.early_data
            and ticket.early
            and ticket.conditions == self._snapshot.conditions
            and self._is_fresh(ticket)
        )
        return ticket.session()

    def _is_fresh(self, ticket: Ticket) -> bool:
        """0-RTT data was sent a moment ago, as far as that can be told (RFC 8446 section 8.3)."""
        assert self._hello is not None
        assert self._hello.pre_shared_key is not None
        told = self._hello.pre_shared_key.identities[0][1]
        age = ((told - ticket.age_add) % (1 << 32)) / 1000
        return abs(time.time() - ticket.issued - age) <= _FRESH

    def _server_handle_certificate(self, input_buf: Buffer) -> None:
        """The client's Certificate, maybe empty."""
        super()._server_handle_certificate(input_buf)
        verification = self._snapshot.verification
        if self._peer_certificate is None and verification is not None and verification.required:
            message = "the client shows no certificate"
            raise CertificateRequiredAlert(message)

    def _server_handle_certificate_verify(self, input_buf: Buffer) -> None:
        """The client owns its certificate's key; now see whose it is."""
        super()._server_handle_certificate_verify(input_buf)
        assert self._peer_certificate is not None
        assert self._snapshot.verification is not None
        self.chain = self._snapshot.verification.check(
            self._peer_certificate, self._peer_certificate_chain
        )
        self.client_name = self._peer_certificate.subject.rfc4514_string()

    def _server_handle_finished(self, input_buf: Buffer, output_buf: Buffer) -> None:
        """The client's Finished; answered by a ticket."""
        super()._server_handle_finished(input_buf, output_buf)
        if self._snapshot.tickets is not None and self._psk_key_exchange_mode is not None:
            self._issue_ticket(output_buf)

    def _issue_ticket(self, output_buf: Buffer) -> None:
        schedule: Any = self.key_schedule
        secret = tls.hkdf_expand_label(
            algorithm=schedule.algorithm,
            secret=schedule.derive_secret(b"res master"),
            label=b"resumption",
            hash_value=b"",
            length=schedule.algorithm.digest_size,
        )
        ticket = Ticket(
            suite=schedule.cipher_suite,
            issued=time.time(),
            age_add=int.from_bytes(os.urandom(4), "big"),
            early=self._snapshot.early_data,
            conditions=self._snapshot.conditions,
            secret=secret,
            alpn=(self.alpn_negotiated or "").encode(),
            server_name=(self.server_name or "").encode(),
        )
        assert self._snapshot.tickets is not None
        tls.push_new_session_ticket(
            output_buf,
            tls.NewSessionTicket(
                ticket_lifetime=LIFETIME,
                ticket_age_add=ticket.age_add,
                ticket_nonce=b"",
                ticket=self._snapshot.tickets.issue(ticket),
                max_early_data_size=self._max_early_data,
            ),
        )
