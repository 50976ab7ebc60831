"""The opening handshake, read strictly (RFC 6455 section 4.2; RFC 8441 section 5; RFC 9220).

Over HTTP/1.1 the client proves that it means a WebSocket by a key that we answer; over HTTP/2 and
HTTP/3 extended CONNECT is that proof, and there is neither key nor `Upgrade`. All else is alike.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nonecorn.spi import Header, Headers, LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nonecorn_ws._deflate import Offer

VERSION = b"13"

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PROTOCOL = re.compile(_TOKEN)
# RFC 6455 section 9.1: a quoted value must be a token once it is unquoted.
_PARAMETER = re.compile(
    rb"[ \t]*;[ \t]*(%b)(?:[ \t]*=[ \t]*(?:(%b)|\"(%b)\"))?" % (_TOKEN, _TOKEN, _TOKEN)
)
_EXTENSION = re.compile(rb"[ \t]*(%b)((?:%b)*)[ \t]*" % (_TOKEN, _PARAMETER.pattern))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a client asks for.

    Attributes:
        accept: Value of `Sec-WebSocket-Accept`; empty where the handshake has none.
        subprotocols: Offered subprotocols, preferred ones first.
        offers: Offered extensions, preferred ones first.
    """

    accept: bytes
    subprotocols: tuple[str, ...]
    offers: tuple[Offer, ...]

    def response(
        self, subprotocol: str | None, extensions: bytes, headers: Iterable[Header]
    ) -> list[Header]:
        """Header fields of the response that accepts.

        Args:
            subprotocol: One of those offered, or None.
            extensions: What was agreed on; empty for nothing.
            headers: The application's own.

        Raises:
            LocalProtocolError: It was not offered; or the application set a field of the handshake.
        """
        fields: list[Header] = []
        if self.accept:
            fields.append((b"sec-websocket-accept", self.accept))
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                message = f"subprotocol {subprotocol!r} was not offered: {self.subprotocols!r} were"
                raise LocalProtocolError(message)
            fields.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
        if extensions:
            fields.append((b"sec-websocket-extensions", extensions))
        for name, value in headers:
            if name.lower().startswith((b"sec-websocket-", b":")):
                message = f"{name!r} is the server's to send, not the application's"
                raise LocalProtocolError(message)
            fields.append((name, value))
        return fields


def read(version: str, method: str, headers: Headers) -> Handshake:
    """Read a handshake.

    Args:
        version: Of HTTP.
        method: As received; over HTTP/2 and HTTP/3 it is not looked at.
        headers: All fields.

    Raises:
        RemoteProtocolError: 400 or 426.
    """
    key: bytes | None = None
    asked: bytes | None = None
    protocols: list[bytes] = []
    extensions: list[bytes] = []
    for name, value in headers:
        if not value.isascii():
            raise RemoteProtocolError(400, "non-ascii-header")
        if not name.startswith(b"sec-websocket-"):
            continue
        if name == b"sec-websocket-key":
            if key is not None:
                raise RemoteProtocolError(400, "websocket-key")
            key = value
        elif name == b"sec-websocket-version":
            if asked is not None:
                raise RemoteProtocolError(400, "websocket-version")
            asked = value
        elif name == b"sec-websocket-protocol":
            protocols += _items(value)
        elif name == b"sec-websocket-extensions":
            extensions.append(value)
    by_upgrade = version == "1.1"
    if by_upgrade and method != "GET":
        raise RemoteProtocolError(400, "websocket-method")
    if asked != VERSION:
        # RFC 6455 section 4.4. HTTP/2 and later have nothing to upgrade to.
        raise RemoteProtocolError(426 if by_upgrade else 400, "websocket-version")
    if not all(map(_PROTOCOL.fullmatch, protocols)):
        raise RemoteProtocolError(400, "websocket-protocol")
    return Handshake(
        accept=_accept(key) if by_upgrade else b"",
        subprotocols=tuple(protocol.decode("ascii") for protocol in protocols),
        offers=tuple(_offers(b",".join(extensions))),
    )


def _accept(key: bytes | None) -> bytes:
    """The proof that the key was read (section 4.2.2): it must be 16 bytes in base64."""
    try:
        if key is None or len(base64.b64decode(key, validate=True)) != 16:
            raise RemoteProtocolError(400, "websocket-key")
    except binascii.Error:
        raise RemoteProtocolError(400, "websocket-key") from None
    digest = hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()
    return base64.b64encode(digest)


def _items(value: bytes) -> list[bytes]:
    """Items of a list field, without empty ones (RFC 9110 section 5.6.1.2)."""
    return [item for each in value.split(b",") if (item := each.strip(b" \t"))]


def _offers(value: bytes) -> Iterable[Offer]:
    """Extensions of the client's list. No value there has a comma in it, quoted or not."""
    for item in _items(value):
        match = _EXTENSION.fullmatch(item)
        if match is None:
            raise RemoteProtocolError(400, "websocket-extensions")
        yield (
            match[1].lower(),
            tuple(
                (name.lower(), plain or quoted or None)
                for name, plain, quoted in _PARAMETER.findall(match[2])
            ),
        )
