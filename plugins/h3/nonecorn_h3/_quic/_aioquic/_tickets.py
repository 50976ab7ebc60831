"""Session tickets that nobody has to remember (RFC 8446 section 4.6.1).

All that a resumption needs is in the ticket, sealed under a key that every worker derives. So a
client resumes with whichever worker it meets, and after reloads and restarts of the program.
"""

from __future__ import annotations

import datetime as dt
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aioquic.tls import CipherSuite, SessionTicket

from nonecorn_h3._quic._seal import Seal

if TYPE_CHECKING:
    from nonecorn.spi import Place

LIFETIME = 86400
"""In seconds; 7 days at most (RFC 8446 section 4.6.1)."""

_HEAD = struct.Struct("!HdI?8sBBB")
"""Suite, POSIX time, age_add, early data, what early data depends on; lengths of secret, ALPN id
and host name."""
_LONGEST = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a session was, as far as it can be taken up again.

    Attributes:
        suite: Cipher suite.
        issued: POSIX seconds.
        age_add: What the client adds to the age that it tells, in milliseconds.
        early: The client may send 0-RTT data.
        conditions: Digest of what such data relies on; where it has changed there is none.
        secret: Resumption secret.
        alpn: Protocol of the session.
        server_name: Host that the client named.
    """

    suite: int
    issued: float
    age_add: int
    early: bool
    conditions: bytes
    secret: bytes
    alpn: bytes
    server_name: bytes

    def session(self) -> SessionTicket:
        """The same for aioquic."""
        issued = dt.datetime.fromtimestamp(self.issued, dt.UTC)
        return SessionTicket(
            age_add=self.age_add,
            cipher_suite=CipherSuite(self.suite),
            not_valid_after=issued + dt.timedelta(seconds=LIFETIME),
            not_valid_before=issued,
            resumption_secret=self.secret,
            server_name=self.server_name.decode("ascii", "replace"),
            ticket=b"",
        )


class Tickets:
    """Makes and reads tickets.

    Args:
        place: Its secret is what they are sealed with.
    """

    __slots__ = ("_seal",)

    def __init__(self, place: Place) -> None:
        self._seal = Seal(place.key("quic session ticket"), b"quic session")

    def __repr__(self) -> str:
        return "<Tickets>"

    def issue(self, ticket: Ticket) -> bytes:
        """What the client is given."""
        alpn, name = ticket.alpn[:_LONGEST], ticket.server_name[:_LONGEST]
        head = _HEAD.pack(
            ticket.suite,
            ticket.issued,
            ticket.age_add,
            ticket.early,
            ticket.conditions,
            len(ticket.secret),
            len(alpn),
            len(name),
        )
        return self._seal.close(head + ticket.secret + alpn + name)

    def read(self, identity: bytes) -> Ticket | None:
        """What a client brings back; None for what we have not issued."""
        plain = self._seal.open(identity)
        if plain is None:
            return None
        *fields, secret_size, alpn_size, name_size = _HEAD.unpack_from(plain)
        suite, issued, age_add, early, conditions = fields
        secret_end = _HEAD.size + secret_size
        alpn_end = secret_end + alpn_size
        return Ticket(
            suite=suite,
            issued=issued,
            age_add=age_add,
            early=early,
            conditions=conditions,
            secret=plain[_HEAD.size : secret_end],
            alpn=plain[secret_end:alpn_end],
            server_name=plain[alpn_end : alpn_end + name_size],
        )
