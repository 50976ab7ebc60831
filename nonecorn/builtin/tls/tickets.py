"""Keys of session tickets that the workers share (RFC 5077, RFC 8446 section 4.6.1).

OpenSSL makes keys of its own for each context, so that a ticket leads back to one worker. Every
OpenSSL takes others (`SSL_CTX_ctrl`), but Python has no call for that. Here it is made over ctypes,
and needs one thing that no interface promises: where a Python context keeps its `SSL_CTX`.

So nothing is assumed, and nothing is followed before it is proven. OpenSSL tells whoever asks of
each new `SSL_CTX` (`CRYPTO_get_ex_new_index`). A context is made meanwhile; only where the word
that follows its object header is an address that was told then, and the keys that are set there can
be read back, keys are ever set. On any other Python tickets stay with their worker, which costs
clients half a handshake, and the log says why at level `debug`.
"""

from __future__ import annotations

import _ssl
import ctypes
import functools
import hashlib
import os
import ssl
import sys
from collections.abc import Callable
from typing import Any

_GET_KEYS, _SET_KEYS = 58, 59
"""SSL_CTRL_GET_TLSEXT_TICKET_KEYS, SSL_CTRL_SET_TLSEXT_TICKET_KEYS."""
_OF_CONTEXTS = 1
"""CRYPTO_EX_INDEX_SSL_CTX."""
_SIZES = (80, 48)
"""Bytes of name, HMAC key and AES key: of every OpenSSL since 1.1.0, and before."""
_TOLD = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_long,
    ctypes.c_void_p,
)  # fmt: skip
"""CRYPTO_EX_new: its first argument is the new object."""

_kept: list[Any] = []
"""Callbacks that OpenSSL has known: another thread may be about to call one."""


class UnavailableError(Exception):
    """Keys cannot be set here; the message says why."""


class Tickets:
    """Sets keys, once it has been proven that it can.

    Args:
        library: Finds OpenSSL's functions; by default those that `ssl` uses.
        offset: Where in a Python context its `SSL_CTX` is thought to be, in bytes: right behind the
            object header, in every CPython so far.

    Raises:
        UnavailableError: It cannot.
    """

    __slots__ = ("_control", "_offset", "_size")

    def __init__(
        self, library: Callable[[], Any] | None = None, offset: int = object.__basicsize__
    ) -> None:
        if sys.implementation.name != "cpython":
            message = "this is not CPython"
            raise UnavailableError(message)
        if not ssl.OPENSSL_VERSION.startswith("OpenSSL "):
            message = f"{ssl.OPENSSL_VERSION} is not OpenSSL"
            raise UnavailableError(message)
        if offset + ctypes.sizeof(ctypes.c_void_p) > _ssl._SSLContext.__basicsize__:  # noqa: SLF001
            message = "a context of this Python is smaller than that"
            raise UnavailableError(message)
        self._offset = offset
        try:
            found = (library or _openssl)()
            self._control = found.SSL_CTX_ctrl
            self._control.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
            self._control.restype = ctypes.c_long
            context = self._prove(found)
        except (OSError, AttributeError, MemoryError) as error:
            message = f"OpenSSL's functions cannot be called: {error}"
            raise UnavailableError(message) from error
        self._size = self._control(self._address(context), _SET_KEYS, 0, None)
        if self._size not in _SIZES:
            message = f"this OpenSSL has ticket keys of {self._size} bytes"
            raise UnavailableError(message)
        self.set_keys(context, os.urandom(self._size))

    def __repr__(self) -> str:
        return f"<Tickets with keys of {self._size} bytes>"

    def share(self, context: ssl.SSLContext, secret: bytes, purpose: bytes) -> None:
        """Let a context issue and take the tickets of every other with this secret and purpose.

        Args:
            context: Of a server.
            secret: 32 random bytes.
            purpose: Whom sessions are for: a ticket must not lead from one host to another, nor
                around a change of who is let in.

        Raises:
            UnavailableError: OpenSSL refuses.
        """
        text = b"nonecorn session tickets" + secret + hashlib.sha256(purpose).digest()
        self.set_keys(context, hashlib.shake_256(text).digest(self._size))

    def set_keys(self, context: ssl.SSLContext, keys: bytes) -> None:
        """Set the keys themselves.

        Raises:
            UnavailableError: They are not the context's afterwards.
        """
        address = self._address(context)
        if not address:
            message = f"{context!r} is no context of this Python"
            raise UnavailableError(message)
        back = ctypes.create_string_buffer(len(keys))
        done = self._control(address, _SET_KEYS, len(keys), ctypes.c_char_p(keys))
        if done != 1 or self._control(address, _GET_KEYS, len(keys), back) != 1 or back.raw != keys:
            message = "OpenSSL does not take them"
            raise UnavailableError(message)

    def _prove(self, library: Any) -> ssl.SSLContext:
        """Make a context, and see that its `SSL_CTX` is where it is thought to be.

        Raises:
            UnavailableError: It is not.
        """
        made: list[int | None] = []
        told = _TOLD(lambda parent, *_: made.append(parent))
        _kept.append(told)
        new_index, free_index = library.CRYPTO_get_ex_new_index, library.CRYPTO_free_ex_index
        new_index.argtypes = [
            ctypes.c_int, ctypes.c_long, ctypes.c_void_p, _TOLD, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        new_index.restype = free_index.restype = ctypes.c_int
        free_index.argtypes = [ctypes.c_int, ctypes.c_int]
        index = new_index(_OF_CONTEXTS, 0, None, told, None, None)
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        finally:
            if index >= 0:
                free_index(_OF_CONTEXTS, index)
        address = self._address(context)
        if not address or address not in made:
            message = "a context of this Python is laid out in another way"
            raise UnavailableError(message)
        return context

    def _address(self, context: object) -> int:
        """The word at the offset, which is within the object; 0 for an object of another kind."""
        if not isinstance(context, _ssl._SSLContext):  # noqa: SLF001
            return 0
        return ctypes.c_void_p.from_address(id(context) + self._offset).value or 0


@functools.cache
def tickets() -> Tickets | UnavailableError:
    """What sets keys in this process, or why nothing does."""
    try:
        return Tickets()
    except UnavailableError as error:
        return error


def _openssl() -> ctypes.CDLL:
    """The functions of the OpenSSL that `ssl` uses.

    What is looked up in a library is looked for in those that it depends on too, on all but
    Windows, where nothing is found. A `_ssl` without a file is part of the program.
    """
    return ctypes.CDLL(getattr(_ssl, "__file__", None))
