"""The server name out of a ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3).

Python's ssl tells the name through a callback only, and prints a traceback where the name is not
ASCII, so that any client could fill the log. So it is read here, from the first bytes of a
connection whose handshake OpenSSL has completed.
"""

from __future__ import annotations

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0


def server_name(stream: bytes) -> str | None:
    """The host name that the client asked for, or None where it named none.

    Args:
        stream: The connection's first bytes, from its first record on.
    """
    try:
        return _host_name(_hello(stream))
    except (IndexError, UnicodeDecodeError):
        return None


def _hello(stream: bytes) -> bytes:
    """The body of the ClientHello, which may be spread over several records."""
    message = bytearray()
    at = 0
    while len(message) < 4 or len(message) < 4 + _uint(message, 1, 3):
        if stream[at] != _HANDSHAKE:
            raise IndexError
        end = at + 5 + _uint(stream, at + 3, 2)
        message += stream[at + 5 : end]
        at = end
    if message[0] != _CLIENT_HELLO:
        raise IndexError
    return bytes(message[4 : 4 + _uint(message, 1, 3)])


def _host_name(hello: bytes) -> str | None:
    at = 2 + 32  # legacy_version, random
    at += 1 + hello[at]  # legacy_session_id
    at += 2 + _uint(hello, at, 2)  # cipher_suites
    at += 1 + hello[at]  # legacy_compression_methods
    at += 2  # length of the extensions, which end with the message
    while at < len(hello):
        kind, size = _uint(hello, at, 2), _uint(hello, at + 2, 2)
        at += 4
        if kind == _SERVER_NAME:
            # server_name_list: length, then entries of type, length, name; there is one entry.
            if hello[at + 2] != _HOST_NAME:
                return None
            length = _uint(hello, at + 3, 2)
            return hello[at + 5 : at + 5 + length].decode("ascii") or None
        at += size
    return None


def _uint(data: bytes | bytearray, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + size], "big")
