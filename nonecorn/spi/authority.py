"""Host names as requests have them, in `Host` and wherever else an authority is named.

`parse_authority` is for those who do something with a name: redirect to it, choose by it, believe
it. It takes what can be a host and nothing else, so that what it returns is safe in a field and in
a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_AUTHORITY = re.compile(
    r"(?P<host>(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?)\.?|"
    r"\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\])(?::(?P<port>[0-9]{0,5}))?"
)


class Authority(NamedTuple):
    """A host and, where one is written, its port.

    Attributes:
        host: In lower case, without the dot that may stand behind a full name; an IPv6 address has
            no brackets.
        port: 1 to 65535; None without one.
    """

    host: str
    port: int | None

    def __str__(self) -> str:
        return f"{self.netloc}:{self.port}" if self.port is not None else self.netloc

    @property
    def netloc(self) -> str:
        """The host as it stands in a URL: with brackets where it is an IPv6 address."""
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_authority(text: str) -> Authority | None:
    """Read `host`, `host:port`, `[address]:port`.

    The grammar of RFC 3986 section 3.2.2 also has user information, percent-encoding and
    punctuation, none of which is in any name that can be looked up: with these it is None.
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        return None
    host = (found["name"] or found["ipv6"]).lower()
    if found["ipv6"] is not None:
        from ipaddress import AddressValueError, IPv6Address  # noqa: PLC0415  # rare

        try:
            host = str(IPv6Address(host))
        except AddressValueError:
            return None
    elif ".." in host:
        return None
    return Authority(host, port)


class HostNames:
    """Names of hosts that somebody wrote down: `shop.example`, `*.shop.example`, `[::1]`.

    A wildcard stands for one label or more, and not for none. Names beyond ASCII are taken to their
    form in requests (IDNA).

    Args:
        patterns: The names.

    Raises:
        ValueError: One is no name of a host; says which.
    """

    __slots__ = ("_names", "_suffixes", "patterns")

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        names: set[str] = set()
        suffixes: list[str] = []
        for pattern in self.patterns:
            wildcard = pattern.startswith("*.")
            host = _host(pattern, pattern[2:] if wildcard else pattern)
            if wildcard:
                suffixes.append(f".{host}")
            else:
                names.add(host)
        self._names = frozenset(names)
        self._suffixes = tuple(suffixes)

    def __repr__(self) -> str:
        return f"<HostNames {', '.join(self.patterns)}>"

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __contains__(self, host: str) -> bool:
        """Whether `Authority.host` is one of them."""
        return host in self._names or (bool(self._suffixes) and host.endswith(self._suffixes))


def _host(pattern: str, name: str) -> str:
    try:
        text = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        text = ""
    found = parse_authority(text)
    if found is None or found.port is not None or text.endswith(":"):
        hint = "; leave the port out" if found is not None and found.port is not None else ""
        message = f"{pattern!r} is no host: write shop.example, *.shop.example or [::1]{hint}"
        raise ValueError(message)
    return found.host
