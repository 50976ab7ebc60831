"""The few facts of a certificate that a server must know of its own (RFC 5280 section 4.1).

Python's ssl decodes certificates of peers only. What is read here is what OpenSSL has accepted
from our own files; what is not understood is an error of the file, never a guess.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

_SEQUENCE = 0x30
_INTEGER = 0x02
_OID = 0x06
_BOOLEAN = 0x01
_OCTET_STRING = 0x04
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18
_VERSION = 0xA0  # [0] EXPLICIT
_EXTENSIONS = 0xA3  # [3] EXPLICIT
_DNS_NAME = 0x82  # [2] IMPLICIT IA5String (section 4.2.1.6)

_SUBJECT_ALT_NAME = bytes((0x55, 0x1D, 0x11))  # 2.5.29.17


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What a certificate says.

    Attributes:
        names: DNS names of its subjectAltName, in lower case.
        not_before: POSIX seconds.
        not_after: POSIX seconds.
    """

    names: tuple[str, ...]
    not_before: float
    not_after: float


def read_certificate(der: bytes) -> CertificateFacts:
    """Read a certificate.

    Raises:
        ValueError: It is none.
    """
    try:
        tbs = next(_values(_value(der, _SEQUENCE)))[1]
        fields = _values(tbs)
        tag, content = next(fields)
        if tag == _VERSION:
            tag, content = next(fields)
        if tag != _INTEGER:
            message = "a certificate begins with its serial number"
            raise ValueError(message)
        next(fields)  # signature
        next(fields)  # issuer
        validity = [_time(tag, content) for tag, content in _values(next(fields)[1])]
        not_before, not_after = validity
        names: tuple[str, ...] = ()
        for tag, content in fields:
            if tag == _EXTENSIONS:
                names = _dns_names(_value(content, _SEQUENCE))
        return CertificateFacts(names=names, not_before=not_before, not_after=not_after)
    except (StopIteration, IndexError, UnicodeDecodeError) as error:
        message = "this is no certificate"
        raise ValueError(message) from error


def _dns_names(extensions: bytes) -> tuple[str, ...]:
    for _, extension in _values(extensions):
        parts = _values(extension)
        if next(parts) != (_OID, _SUBJECT_ALT_NAME):
            continue
        tag, content = next(parts)
        if tag == _BOOLEAN:  # critical
            tag, content = next(parts)
        names = _values(_value(content, _SEQUENCE)) if tag == _OCTET_STRING else iter(())
        return tuple(name.decode("ascii").lower() for kind, name in names if kind == _DNS_NAME)
    return ()


def _time(tag: int, content: bytes) -> float:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits: 1950 to 2049 (section 4.1.2.5.1)
        text = ("19" if text >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        message = "this is no time"
        raise ValueError(message)
    return dt.datetime.strptime(text, "%Y%m%d%H%M%S%z").timestamp()


def _value(data: bytes, tag: int) -> bytes:
    found, content = next(_values(data))
    if found != tag:
        message = f"tag {found:#x} where {tag:#x} belongs"
        raise ValueError(message)
    return content


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents of the values that stand side by side in `data`."""
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            raise IndexError
        yield tag, data[at : at + size]
        at += size
