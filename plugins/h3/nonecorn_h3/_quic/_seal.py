"""Things that a client keeps for us and cannot read or change.

Retry tokens, tokens for later connections and session tickets are state of the server's that lives
with the client: encrypted and authenticated under a key that all workers derive alike, so none of
them remembers anything.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Seal:
    """Encrypts under one key.

    Args:
        key: 32 bytes.
        purpose: Bound to what is sealed: something sealed for one purpose opens for no other.
    """

    __slots__ = ("_aead", "_purpose")

    def __init__(self, key: bytes, purpose: bytes) -> None:
        self._aead = AESGCM(key)
        self._purpose = purpose

    def __repr__(self) -> str:
        return f"<Seal {self._purpose.decode()}>"

    def close(self, plain: bytes, bound: bytes = b"") -> bytes:
        """Seal; `bound` must be the same when it is opened, and is not part of the result."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, plain, self._purpose + bound)

    def open(self, sealed: bytes, bound: bytes = b"") -> bytes | None:
        """What was sealed; None for anything that we have not made."""
        if len(sealed) <= _NONCE + 16:
            return None
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._purpose + bound)
        except InvalidTag:
            return None
