"""CONNECTION_CLOSE to a client that there is no connection for (RFC 9000 sections 5.2.2, 8.1.2).

The keys of Initial packets follow from the connection ID that the client chose (RFC 9001 section
5.2), so no connection and no TLS is needed to say so. It spares clients the wait for a timeout.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from nonecorn_h3._quic._packets import VERSION_1, VERSION_2, LongHeader

CONNECTION_REFUSED = 0x02
INVALID_TOKEN = 0x0B
"""RFC 9000 section 20.1."""

_SALT = {
    VERSION_1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    VERSION_2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
}
"""RFC 9001 section 5.2, RFC 9369 section 3.3.1."""
_LABEL = {VERSION_1: b"quic ", VERSION_2: b"quicv2 "}
_INITIAL = {VERSION_1: 0xC0, VERSION_2: 0xD0}
_TRANSPORT_CLOSE = 0x1C
_NUMBER = 4
"""Bytes of the packet number; the longest, so that what follows is a sample without padding."""


def refusal(header: LongHeader, code: int) -> bytes:
    """The packet.

    Args:
        header: Of the client's Initial packet.
        code: Why (RFC 9000 section 20.1).
    """
    version = header.version
    secret = HMAC(_SALT[version], SHA256())
    secret.update(header.destination)
    ours = _expand(secret.finalize(), b"server in", 32)
    label = _LABEL[version]
    key, iv, mask_key = (
        _expand(ours, label + what, size) for what, size in ((b"key", 16), (b"iv", 12), (b"hp", 16))
    )
    frame = bytes((_TRANSPORT_CLOSE, code, 0, 0)) + bytes(16)  # and PADDING
    length = _NUMBER + len(frame) + 16
    head = b"".join(
        (
            bytes((_INITIAL[version] | (_NUMBER - 1),)),
            version.to_bytes(4, "big"),
            bytes((len(header.source),)),
            header.source,
            # The client's ID stands for ours: nothing will be sent to it.
            bytes((len(header.destination),)),
            header.destination,
            b"\x00",
            (length | 0x4000).to_bytes(2, "big"),
        )
    )
    packet = bytearray(head + bytes(_NUMBER))
    packet += AESGCM(key).encrypt(iv, frame, bytes(packet))  # number 0: the nonce is the IV itself
    sample = bytes(packet[len(head) + 4 : len(head) + 20])
    cipher = Cipher(algorithms.AES(mask_key), modes.ECB())  # noqa: S305  # RFC 9001 section 5.4.3
    mask = cipher.encryptor().update(sample)
    packet[0] ^= mask[0] & 0x0F
    for index in range(_NUMBER):
        packet[len(head) + index] ^= mask[1 + index]
    return bytes(packet)


def _expand(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1) without context."""
    full = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes((len(full),)) + full + b"\x00"
    return HKDFExpand(algorithm=SHA256(), length=length, info=info).derive(secret)
