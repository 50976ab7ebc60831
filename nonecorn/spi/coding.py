"""Which content coding a client gets (RFC 9110 section 12.5.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ITEM = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)
_ALIASES = {b"x-gzip": b"gzip"}  # RFC 9110 section 8.4.1.3


def choose_coding(accepted: bytes, available: Sequence[bytes]) -> bytes:
    """The content coding of a response.

    Args:
        accepted: Value of `Accept-Encoding`, several joined by commas; empty for no such field.
        available: Codings that there are, the best first; it decides between those that the client
            likes as much.

    Returns:
        One of `available`, or nothing for a response as it is: where the client asks for no coding,
        likes the plain form better, or sends a field that cannot be read. Whoever refuses
        everything gets that too (a 406 would help nobody).
    """
    qualities: dict[bytes, float] = {}
    for part in accepted.split(b","):
        item = part.strip(b" \t")
        if not item:
            continue
        found = _ITEM.fullmatch(item)
        if found is None:
            return b""
        name = found[1].lower()
        qualities[_ALIASES.get(name, name)] = float(found[2]) if found[2] is not None else 1.0
    rest = qualities.get(b"*", 0.0)
    best, quality = b"", 0.0
    for coding in available:
        offered = qualities.get(coding, rest)
        if offered > quality:
            best, quality = coding, offered
    # What is not named is acceptable, and liked least: whoever names identity means it.
    return best if quality >= qualities.get(b"identity", 0.0) else b""
