"""Distinguished names as text (RFC 4514)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DESCRIPTORS = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "surname": "SN",
    "userId": "UID",
}
"""Short names (RFC 4514 section 3, RFC 4519) by OpenSSL's long ones, where they differ."""

_SPECIAL = re.compile(r'[",+;<>\\]')

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Name = Sequence[Sequence[tuple[str, str]]]
"""As `ssl.SSLObject.getpeercert` gives it: relative names of one or more attributes each."""


def distinguished_name(name: Name) -> str:
    """The string form of a name: in reverse order, its last part first (RFC 4514 section 2.1)."""
    return ",".join(
        "+".join(_attribute(kind, value) for kind, value in part) for part in reversed(name)
    )


def _attribute(kind: str, value: str) -> str:
    if kind[:1].isdigit():
        # The value of an OID without a name is BER in hexadecimal (section 2.4).
        return f"{kind}=#{_utf8_string(value).hex()}"
    return f"{_DESCRIPTORS.get(kind, kind)}={_escape(value)}"


def _escape(value: str) -> str:
    text = _SPECIAL.sub(r"\\\g<0>", value)
    text = _CONTROL.sub(lambda found: f"\\{ord(found[0]):02X}", text)
    if text.startswith((" ", "#")):
        text = f"\\{text}"
    if text.endswith(" ") and len(value) > 1:
        text = f"{text[:-1]}\\ "
    return text


def _utf8_string(value: str) -> bytes:
    content = value.encode()
    size = len(content)
    if size < 0x80:
        return bytes((0x0C, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x0C, 0x80 | len(length))) + length + content
