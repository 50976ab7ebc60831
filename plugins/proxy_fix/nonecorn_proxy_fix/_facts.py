"""What the proxies say of a request, as far as they are believed.

The one who speaks to us is trusted, or nobody is asked. What it says is who spoke to *it*: where
that is a trusted proxy too, the next element on the left counts, and so on to the first who is not
trusted, or to as many as `hops` allows. That one is the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from nonecorn.spi.authority import Authority, parse_authority
from nonecorn_proxy_fix._forwarded import parse_element
from nonecorn_proxy_fix._lists import elements, nth_from_right
from nonecorn_proxy_fix._node import Client, parse_node

Trusts = Callable[[Client], bool]

_SECURE = {"http": False, "ws": False, "https": True, "wss": True}
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+;=:@%-]+)*/?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(slots=True, kw_only=True)
class Facts:
    """What is known better than before; None where nothing is.

    Attributes:
        client: Who sent the request; looked at only where `told` is true.
        told: The proxies name the client, if only as unknown.
        secure: The client uses TLS.
        host: Whom it asked, and maybe at which port.
        port: The port that it asked.
        prefix: What was taken off the path, percent-decoded; it does not end in a slash.
        raw_prefix: The same as it stands in the field.
        problems: Fields that make no sense, and why; they are ignored.
    """

    client: Client = None
    told: bool = False
    secure: bool | None = None
    host: Authority | None = None
    port: int | None = None
    prefix: str | None = None
    raw_prefix: str = ""
    problems: list[str] = field(default_factory=list)


def modern(value: str, believed: frozenset[str], trusts: Trusts, hops: int) -> Facts:
    """The facts in `Forwarded`; one element that makes no sense makes nonsense of all.

    Args:
        value: Of the field; several are joined with commas.
        believed: Which of `for`, `proto` and `host`.
        trusts: Whether a proxy is trusted.
        hops: Most elements that are believed; 0 for no such number.
    """
    facts = Facts()
    pairs: dict[str, str] = {}
    try:
        for number, element in enumerate(elements(value), 1):
            pairs = parse_element(element)
            if "for" not in pairs:
                break
            facts.client, facts.told = parse_node(pairs["for"], bare=False), True
            if number == hops or not trusts(facts.client):
                break
        if "proto" in pairs and "proto" in believed:
            facts.secure = _secure(pairs["proto"])
        if "host" in pairs and "host" in believed:
            facts.host = _host(pairs["host"])
    except ValueError as error:
        return Facts(problems=[f"forwarded: {error}"])
    facts.told = facts.told and "for" in believed
    return facts


def legacy(fields: Mapping[str, str], trusts: Trusts, hops: int) -> Facts:
    """The facts in `X-Forwarded-…`; a field that makes no sense is ignored.

    Args:
        fields: By what follows `X-Forwarded-`, in lower case; only those that are believed.
        trusts: Whether a proxy is trusted.
        hops: Most elements that are believed; 0 for no such number.
    """
    facts = Facts()
    position = 1
    if "for" in fields:
        try:
            for number, element in enumerate(elements(fields["for"]), 1):
                facts.client, facts.told = parse_node(element, bare=True), True
                position = number
                if number == hops or not trusts(facts.client):
                    break
        except ValueError as error:
            facts.told = False
            facts.problems.append(f"x-forwarded-for: {error}")
    for name, read in _READERS.items():
        if name in fields:
            try:
                read(facts, nth_from_right(fields[name], position))
            except ValueError as error:
                facts.problems.append(f"x-forwarded-{name}: {error}")
    return facts


def _read_proto(facts: Facts, value: str) -> None:
    facts.secure = _secure(value)


def _read_host(facts: Facts, value: str) -> None:
    facts.host = _host(value)


def _read_port(facts: Facts, value: str) -> None:
    if not (value.isascii() and value.isdecimal() and len(value) <= 5 and 0 < int(value) < 65536):
        message = f"{value!r} is no port"
        raise ValueError(message)
    facts.port = int(value)


def _read_prefix(facts: Facts, value: str) -> None:
    decoded = unquote(value)
    segments = decoded.split("/")
    if (
        not _PREFIX.fullmatch(value)
        or _BAD_ESCAPE.search(value)
        or len(segments) != value.count("/") + 1
        or "." in segments
        or ".." in segments
        or not decoded.isprintable()
        # Browsers take a backslash for a slash; U+FFFD is what bytes become that are no UTF-8.
        or {"\\", "\ufffd"} & {*decoded}
    ):
        message = f"{value!r} is no path that could have been taken off"
        raise ValueError(message)
    facts.prefix, facts.raw_prefix = decoded.rstrip("/"), value.rstrip("/")


_READERS: dict[str, Callable[[Facts, str], None]] = {
    "proto": _read_proto,
    "host": _read_host,
    "port": _read_port,
    "prefix": _read_prefix,
}


def _secure(value: str) -> bool:
    secure = _SECURE.get(value.lower())
    if secure is None:
        message = f"{value!r} is none of http, https, ws, wss"
        raise ValueError(message)
    return secure


def _host(value: str) -> Authority:
    found = parse_authority(value)
    if found is None:
        message = f"{value!r} is no host"
        raise ValueError(message)
    return found
