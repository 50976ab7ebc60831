"""The middleware: puts into a copy of the scope what trusted proxies say of the request.

For the log, and whoever else observes requests, client and scheme are noted in the extension that
the server offers for that (`nonecorn.spi.RECORD`).
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from nonecorn.spi import RECORD, read_options
from nonecorn.spi.trust import TrustedPeers
from nonecorn_proxy_fix import _facts as facts_of
from nonecorn_proxy_fix._options import ProxyFixOptions
from nonecorn_proxy_fix._scope import corrected, without

if TYPE_CHECKING:
    from nonecorn.spi import AppContext, ASGIApp, Headers, Receive, Scope, Send
    from nonecorn_proxy_fix._facts import Facts
    from nonecorn_proxy_fix._node import Client

_LEGACY = b"x-forwarded-"

_KNOWN = 1024
"""Peers, and combinations of fields, that are remembered."""

_KNOWN_SIZE = 256
"""Bytes of fields that are."""

log = logging.getLogger("nonecorn.proxy_fix")


def make(app: ASGIApp, options: dict[str, Any], context: AppContext) -> ProxyFix:
    """The middleware of a configured entry.

    Raises:
        ConfigError: Its options cannot be used.
    """
    return ProxyFix(app, **options)


def check(options: dict[str, Any], context: AppContext) -> None:
    """See `nonecorn.spi.MiddlewareCheck`."""
    _read(options)


def _read(options: dict[str, Any]) -> ProxyFixOptions:
    return read_options(ProxyFixOptions, options, "middleware proxy_fix")


class ProxyFix:
    """See the package.

    Args:
        app: What to wrap.
        **options: See `ProxyFixOptions`.

    Raises:
        ConfigError: They cannot be used.
    """

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        self.app = app
        self.options = _read(options)
        self._trust(self.options)

    def _trust(self, options: ProxyFixOptions) -> None:
        self._fields = frozenset(options.fields)
        if options.mode == "modern":
            self._wanted = {b"forwarded": "forwarded"}
        else:
            self._wanted = {_LEGACY + name.encode(): name for name in options.fields}
        trusted = TrustedPeers(options.trusted)
        self._unix = None in trusted
        self._known: dict[tuple[tuple[str, str], ...], Facts] = {}
        # Proxies are few, and networks are looked through one by one.
        self._host_trusted = functools.lru_cache(_KNOWN)(lambda host: (host, 0) in trusted)

    def __repr__(self) -> str:
        options = self.options
        return f"<ProxyFix {options.mode} trusted={', '.join(options.trusted)} hops={options.hops}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        headers = scope.get("headers")
        if headers:
            if self._is_trusted(scope):
                scope = self._believe(scope, headers)
            elif self.options.strip:
                scope = without(scope, headers, _is_forwarding)
        await self.app(scope, receive, send)

    def _is_trusted(self, scope: Scope) -> bool:
        if "client" not in scope:  # a server that does not tell: it may be anybody
            return False
        client = scope["client"]
        return self._unix if client is None else self._host_trusted(client[0])

    def _believe(self, scope: Scope, headers: Headers) -> Scope:
        wanted = self._wanted
        fields: dict[str, str] = {}
        for name, value in headers:
            key = wanted.get(name)
            if key is not None:
                text = value.decode("latin-1")
                fields[key] = f"{fields[key]},{text}" if key in fields else text
        if not fields:
            return scope
        facts = self._facts(fields)
        for problem in facts.problems:
            log.debug("a header of the proxy %s is ignored: %.200s", scope["client"], problem)
        changed = corrected(scope, headers, facts)
        extensions = scope.get("extensions")
        record = extensions.get(RECORD) if extensions else None
        if record is not None:
            record.update({key: changed[key] for key in ("client", "scheme") if key in changed})
        return changed

    def _facts(self, fields: dict[str, str]) -> Facts:
        """What the fields say; a client that comes again is remembered by them."""
        key = tuple(fields.items())
        found = self._known.get(key)
        if found is None:
            found = self._read_facts(fields)
            if len(self._known) >= _KNOWN:
                self._known.clear()
            if sum(map(len, fields.values())) <= _KNOWN_SIZE:
                self._known[key] = found
        return found

    def _read_facts(self, fields: dict[str, str]) -> Facts:
        hops = self.options.hops
        if self.options.mode == "modern":
            return facts_of.modern(fields["forwarded"], self._fields, self._trusts, hops)
        return facts_of.legacy(fields, self._trusts, hops)

    def _trusts(self, client: Client) -> bool:
        """Whether what stands left of a client's address is its own word, and believed."""
        return client is not None and self._host_trusted(client[0])


def _is_forwarding(name: bytes) -> bool:
    return name == b"forwarded" or name.startswith(_LEGACY)
