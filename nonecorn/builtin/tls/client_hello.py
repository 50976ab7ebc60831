"""The server name out of a ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3).

Python's ssl tells the name through a callback only, and prints a traceback where the name is not
ASCII, so that any client could fill the log. So it is read here, out of the first bytes of a
connection, before OpenSSL gets them: by then it is known which certificate it is to show.
"""

from __future__ import annotations

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0

_RECORD_HEADER = 5
_MESSAGE_HEADER = 4

_LARGEST = 65536
"""Bytes of a hello that are looked at; common ones have less than 2 KiB."""


class ClientHello:
    """Reads a connection's first message out of its records, however they are cut.

    Nothing is decided here about whether a hello is good: that is OpenSSL's.

    Attributes:
        complete: There is no more to learn: the hello is there, or what came is none.
        server_name: The host name that the client asked for; None where it named none.
    """

    __slots__ = ("_left", "_message", "_pending", "complete", "server_name")

    def __init__(self) -> None:
        self.complete = False
        self.server_name: str | None = None
        self._pending = b""  # a record's header that is not whole
        self._left = 0  # bytes of the present record that are still to come
        self._message = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the connection's next bytes; without effect once complete."""
        at = 0
        if self._pending:
            data, self._pending = self._pending + data, b""
        while not self.complete:
            if not self._left:
                header = data[at : at + _RECORD_HEADER]
                if header[:1] not in (b"", b"\x16"):
                    self._finish()
                    return
                if len(header) < _RECORD_HEADER:
                    self._pending = header
                    return
                at += _RECORD_HEADER
                self._left = int.from_bytes(header[3:5], "big")
                if not self._left:  # there are no empty handshake records (section 5.1)
                    self._finish()
                    return
            piece = data[at : at + self._left]
            if not piece:
                return
            at += len(piece)
            self._left -= len(piece)
            self._message += piece
            self._look()

    def _look(self) -> None:
        message = self._message
        if message[0] != _CLIENT_HELLO or len(message) > _LARGEST:
            self._finish()
        elif len(message) >= _MESSAGE_HEADER:
            end = _MESSAGE_HEADER + int.from_bytes(message[1:4], "big")
            if len(message) >= end:
                self.server_name = _server_name(bytes(message[_MESSAGE_HEADER:end]))
                self._finish()

    def _finish(self) -> None:
        self.complete = True
        self._pending = b""
        self._message = bytearray()


def _server_name(hello: bytes) -> str | None:
    try:
        return _host_name(hello)
    except (IndexError, UnicodeDecodeError):
        return None


def _host_name(hello: bytes) -> str | None:
    at = 2 + 32  # legacy_version, random
    at += 1 + hello[at]  # legacy_session_id
    at += 2 + _uint16(hello, at)  # cipher_suites
    at += 1 + hello[at]  # legacy_compression_methods
    at += 2  # length of the extensions, which end with the message
    while at < len(hello):
        kind, size = _uint16(hello, at), _uint16(hello, at + 2)
        at += 4
        if kind == _SERVER_NAME:
            # server_name_list: length, then entries of type, length, name; there is one entry.
            if hello[at + 2] != _HOST_NAME:
                return None
            length = _uint16(hello, at + 3)
            return hello[at + 5 : at + 5 + length].decode("ascii") or None
        at += size
    return None


def _uint16(data: bytes, at: int) -> int:
    if at + 2 > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + 2], "big")
