"""The handshake: extended CONNECT with `:protocol` webtransport (draft-ietf-webtrans-http3).

Clients of draft 02 say so by a field of their own and want it answered; later ones go by SETTINGS
alone. Subprotocols are negotiated by lists of strings (RFC 9651 section 3.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nonecorn.spi import Header, Headers, LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

DRAFT_02: Header = (b"sec-webtransport-http3-draft", b"draft02")

_OWN = (b"sec-webtransport-", b"wt-protocol", b"wt-available-protocols", b":")
# RFC 9651 sections 3.3.3 and 3.1.2; parameters mean nothing here.
_STRING = rb'"((?:[ !#-\[\]-~]|\\["\\])*)"'
_PARAMETER = rb";[ ]*[a-z*][a-z0-9_\-.*]*(?:=(?:%b|[^\",;]+))?" % _STRING
_ITEM = re.compile(rb"%b(?:%b)*" % (_STRING, _PARAMETER))
_COMMA = re.compile(rb"[ \t]*,[ \t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a client asks for.

    Attributes:
        draft_02: It speaks that version.
        subprotocols: Offered subprotocols, preferred ones first.
    """

    draft_02: bool
    subprotocols: tuple[str, ...]

    def response(self, subprotocol: str | None, headers: Iterable[Header]) -> list[Header]:
        """Header fields of the response that accepts.

        Args:
            subprotocol: One of those offered, or None.
            headers: The application's own.

        Raises:
            LocalProtocolError: It was not offered; or the application set a field of the handshake.
        """
        fields: list[Header] = [DRAFT_02] if self.draft_02 else []
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                message = f"subprotocol {subprotocol!r} was not offered: {self.subprotocols!r} were"
                raise LocalProtocolError(message)
            quoted = subprotocol.replace("\\", r"\\").replace('"', r"\"")
            fields.append((b"wt-protocol", b'"%b"' % quoted.encode("ascii")))
        for name, value in headers:
            if name.lower().startswith(_OWN):
                message = f"{name!r} is the server's to send, not the application's"
                raise LocalProtocolError(message)
            fields.append((name, value))
        return fields


def read(version: str, headers: Headers, *, has_body: bool) -> Handshake:
    """Read a handshake.

    Args:
        version: Of HTTP.
        headers: All fields.
        has_body: The client has not ended its direction yet.

    Raises:
        RemoteProtocolError: It is none.
    """
    if version != "3":
        raise RemoteProtocolError(501, "webtransport-version")
    if not has_body:
        raise RemoteProtocolError(400, "webtransport-ended")
    draft_02 = False
    offered: list[bytes] = []
    for name, value in headers:
        if name == b"sec-webtransport-http3-draft02":
            draft_02 = value == b"1"
        elif name == b"wt-available-protocols":
            offered.append(value)
    return Handshake(draft_02=draft_02, subprotocols=_strings(b", ".join(offered)))


def _strings(value: bytes) -> tuple[str, ...]:
    """Strings of a list; none of a list that is malformed (RFC 9651 section 4.2)."""
    found: list[str] = []
    value = value.strip(b" ")
    position = 0
    while position < len(value):
        match = _ITEM.match(value, position)
        if match is None:
            return ()
        found.append(re.sub(rb"\\(.)", rb"\1", match[1]).decode("ascii"))
        position = match.end()
        if position < len(value):
            comma = _COMMA.match(value, position)
            if comma is None or comma.end() == len(value):
                return ()
            position = comma.end()
    return tuple(found)
