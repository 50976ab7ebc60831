"""Datagrams and where they came from, as messages between workers; a letter is one or several."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

_HEAD = struct.Struct("!IBBBHII")
"""Length of the datagram, of the listener's name and of the host; its ECN field; port, flow label,
scope.
"""
_LETTER = 60_000
"""Bytes of several messages in one letter: a mailbox takes that much (unix(7)), and so does what
reads it.
"""
_IPV6 = 4
"""Members of an IPv6 socket address."""


def sealed(listener: str, address: Any, data: bytes, mark: int) -> bytes:
    """One message.

    Args:
        listener: Whose datagram it is: `Lane.listener`.
        address: Socket address that it came from, of IPv4 or IPv6.
        data: The datagram.
        mark: The ECN field of its IP header.
    """
    name = listener.encode()[:255]
    host: bytes = address[0].encode()
    flow, scope = address[2:] if len(address) == _IPV6 else (0, 0)
    # An IPv4 address has no colon: that tells them apart again.
    head = _HEAD.pack(len(data), len(name), len(host), mark, address[1], flow, scope)
    return b"".join((head, name, host, data))


def bundled(messages: Iterable[bytes]) -> Iterator[bytes]:
    """As few letters as these messages take, in their order."""
    letter: list[bytes] = []
    size = 0
    for message in messages:
        if letter and size + len(message) > _LETTER:
            yield b"".join(letter)
            letter, size = [], 0
        letter.append(message)
        size += len(message)
    if letter:
        yield b"".join(letter)


def opened(letter: bytes) -> Iterator[tuple[str, Any, bytes, int]]:
    """What `sealed` was given, for each message of a letter; it ends where it makes no sense."""
    at = 0
    while at < len(letter):
        try:
            size, name_size, host_size, mark, port, flow, scope = _HEAD.unpack_from(letter, at)
            name_at = at + _HEAD.size
            host_at = name_at + name_size
            data_at = host_at + host_size
            name = letter[name_at:host_at].decode()
            host = letter[host_at:data_at].decode()
        except (struct.error, UnicodeDecodeError):
            return
        at = data_at + size
        if at > len(letter):
            return
        address = (host, port, flow, scope) if ":" in host else (host, port)
        yield name, address, letter[data_at:at], mark
