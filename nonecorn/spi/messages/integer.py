"""Integers of field compression: HPACK's (RFC 7541 section 5.1), which are QPACK's, too (RFC 9204
section 4.1.1).
"""

from __future__ import annotations


def prefixed_integer(value: int, prefix_bits: int, first: int) -> bytes:
    """An integer whose first octet has `first` above the prefix."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes((first | value,))
    octets = bytearray((first | limit,))
    value -= limit
    while value >= 128:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)
