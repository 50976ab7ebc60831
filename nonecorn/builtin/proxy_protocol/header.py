r"""Reads the header of the PROXY protocol ("The PROXY protocol, versions 1 & 2", haproxy.org).

A sender puts it in front of everything else on a connection. Version 1 is a line of text, version 2
a binary block with room for extensions (TLVs), which are skipped but for the checksum:

    PROXY TCP4 192.0.2.1 198.51.100.1 51000 443\r\n

    0       12    13     14      16         16 + addresses     16 + length
    signature | version, | family, | length | addresses, ports | TLVs …
              | command  | transport

`read` is strict: of two readings of one header one would be an attacker's, so what the
specification does not allow is malformed.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TypeAlias

from nonecorn.builtin.proxy_protocol.checksum import crc32c

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
"""Section 2.2: no HTTP request and no TLS record can begin so."""

LONGEST_LINE = 107
"""Section 2.1: bytes of the longest line of version 1, its end included."""

LONGEST_BLOCK = 4096
"""Bytes of version 2. Every sender keeps to 536 (section 2.2) unless it is told to add extensions
such as a client's certificate names; 65551 is what the length could say."""

_LINE = b"PROXY "
_FIXED = 16
_CHECKSUM = 0x03  # PP2_TYPE_CRC32C

_Host: TypeAlias = tuple[str, int]


class MalformedHeaderError(ValueError):
    """It is no header of the PROXY protocol; the message says why, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyHeader:
    """What a header says.

    Attributes:
        size: Its bytes; what follows is the client's.
        known: It names the two ends. Otherwise those of the connection itself hold: the proxy
            speaks for itself (LOCAL) or does not know (UNKNOWN).
        client: Who connected to the proxy; None where it came over a unix socket.
        server: What it connected to; None where the proxy does not say.
    """

    size: int
    known: bool = False
    client: _Host | None = None
    server: _Host | tuple[str, None] | None = None


def read(data: bytes) -> ProxyHeader | None:
    """The header at the beginning of a connection's first bytes; None while it is incomplete.

    Raises:
        MalformedHeaderError: There is none, or it breaks the rules.
    """
    if data.startswith(SIGNATURE):
        return _block(data)
    if data.startswith(_LINE):
        return _line(data)
    if SIGNATURE.startswith(data) or _LINE.startswith(data):
        return None
    message = "no PROXY header"
    raise MalformedHeaderError(message)


# Version 1 ----------------------------------------------------------------------------------------


def _line(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, LONGEST_LINE)
    if end < 0:
        if len(data) >= LONGEST_LINE:
            message = f"a line longer than {LONGEST_LINE} bytes"
            raise MalformedHeaderError(message)
        return None
    size = end + 2
    words = data[:end].split(b" ")
    if words[1] == b"UNKNOWN":  # whatever else the line holds is to be ignored
        return ProxyHeader(size=size)
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        message = "a line of another form"
        raise MalformedHeaderError(message)
    _, kind, source, destination, source_port, destination_port = words
    return ProxyHeader(
        size=size,
        known=True,
        client=(_address(kind, source), _port(source_port)),
        server=(_address(kind, destination), _port(destination_port)),
    )


def _address(kind: bytes, text: bytes) -> str:
    version = ipaddress.IPv4Address if kind == b"TCP4" else ipaddress.IPv6Address
    try:
        address = version(text.decode("ascii"))
    except ValueError:
        message = "an address of another family"
        raise MalformedHeaderError(message) from None
    if b"%" in text:
        message = "an address with a zone"
        raise MalformedHeaderError(message)
    return str(address)


def _port(text: bytes) -> int:
    # int() alone would take " 80", "+80" and "8_0".
    if not (text.isdigit() and len(text) <= 5 and int(text) <= 65535) or (
        len(text) > 1 and text.startswith(b"0")
    ):
        message = "a port out of range"
        raise MalformedHeaderError(message)
    return int(text)


# Version 2 ----------------------------------------------------------------------------------------

_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED = 0x00
_INET, _INET6, _UNIX = 1, 2, 3
_SIZES = {_INET: 12, _INET6: 36, _UNIX: 216}
"""Bytes of both addresses and ports, by family."""
_DATAGRAM = 2
"""The last known transport, after streams. It is the client's, and here it makes no difference."""


def _block(data: bytes) -> ProxyHeader | None:
    if len(data) < _FIXED:
        return None
    command, kind = data[12], data[13]
    if command not in (_LOCAL, _PROXY):
        message = f"version and command {command:#04x}"
        raise MalformedHeaderError(message)
    size = _FIXED + int.from_bytes(data[14:16], "big")
    if size > LONGEST_BLOCK:
        message = f"a header of {size} bytes"
        raise MalformedHeaderError(message)
    if len(data) < size:
        return None
    if command == _LOCAL or kind == _UNSPECIFIED:
        return ProxyHeader(size=size)  # whatever else the block holds is to be ignored
    family, transport = kind >> 4, kind & 0x0F
    if family not in _SIZES or not 1 <= transport <= _DATAGRAM:
        message = f"address family and transport {kind:#04x}"
        raise MalformedHeaderError(message)
    end = _FIXED + _SIZES[family]
    if size < end:
        message = "no room for its addresses"
        raise MalformedHeaderError(message)
    _check_extensions(data[:size], end)
    addresses = data[_FIXED:end]
    if family == _UNIX:
        path = addresses[108:].partition(b"\0")[0].decode("utf-8", "replace")
        return ProxyHeader(size=size, known=True, server=(path, None) if path else None)
    width, af = (4, socket.AF_INET) if family == _INET else (16, socket.AF_INET6)
    ports = addresses[2 * width :]
    return ProxyHeader(
        size=size,
        known=True,
        client=(socket.inet_ntop(af, addresses[:width]), int.from_bytes(ports[:2], "big")),
        server=(
            socket.inet_ntop(af, addresses[width : 2 * width]),
            int.from_bytes(ports[2:], "big"),
        ),
    )


def _check_extensions(block: bytes, start: int) -> None:
    """See that the TLVs fill what they have, and that a checksum among them is right."""
    while start < len(block):
        value = start + 3
        end = value + int.from_bytes(block[start + 1 : value], "big")
        if value > len(block) or end > len(block):
            message = "an extension that does not end with the header"
            raise MalformedHeaderError(message)
        if block[start] == _CHECKSUM:
            # Section 2.2.3: computed with the checksum's own bytes set to zero.
            zeroed = block[:value] + bytes(end - value) + block[end:]
            if block[value:end] != crc32c(zeroed).to_bytes(4, "big"):
                message = "a wrong checksum"
                raise MalformedHeaderError(message)
        start = end
