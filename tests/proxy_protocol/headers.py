"""PROXY headers, written as the specification describes them, apart from the code under test."""

from __future__ import annotations

import socket
import struct

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
TCP4, TCP6, UNIX = 0x11, 0x21, 0x31


def block(kind: int = TCP4, body: bytes = b"", *, command: int = 0x21) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(body)) + body


def inet(source: str, source_port: int, destination: str, destination_port: int) -> bytes:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    hosts = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    return hosts + struct.pack("!HH", source_port, destination_port)


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def checked(kind: int, body: bytes) -> bytes:
    """A block whose checksum is right, by long division."""
    empty = block(kind, body + tlv(3, bytes(4)))
    value = 0xFFFFFFFF
    for byte in empty:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x82F63B78 * (value & 1)
    return empty[:-4] + struct.pack("!I", value ^ 0xFFFFFFFF)


V1 = b"PROXY TCP4 192.0.2.7 198.51.100.9 51000 443\r\n"
V2 = block(TCP4, inet("192.0.2.7", 51000, "198.51.100.9", 443))
