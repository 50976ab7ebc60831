"""`forwarded_allow_ips` and `secure_scheme_headers`: whether the client speaks TLS with a proxy.

A peer that is trusted says so in one of the fields, and the scheme of the scope becomes what it
says. Several that contradict each other are answered 400. Nothing else is changed: for the client's
address and host, configure the plugin `proxy_fix`.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Any

from nonecorn.spi import AppContext, ASGIApp, ConfigError, Receive, Scope, Send
from nonecorn_gunicorn._current import current

_SECURE = {"http": "https", "websocket": "wss"}
_CLEAR = {"http": "http", "websocket": "ws"}
_REFUSAL = b"Contradictory scheme fields\n"


def make(app: ASGIApp, options: dict[str, Any], context: AppContext) -> Forwarded:
    """The layer, with what Gunicorn's configuration says.

    Raises:
        ConfigError: This is no worker of Gunicorn's, or there are options.
    """
    worker = current()
    if worker is None:
        message = "middleware gunicorn_forwarded: Gunicorn's settings are there in its workers only"
        raise ConfigError(message)
    if options:
        name = next(iter(options))
        message = (
            f"middleware gunicorn_forwarded has no option {name!r}: Gunicorn's settings say all"
        )
        raise ConfigError(message)
    return Forwarded(app, worker.cfg.forwarded_allow_ips, worker.cfg.secure_scheme_headers)


class Forwarded:
    """See the module.

    Args:
        app: What to wrap.
        trusted: Addresses and networks, or `*`; a peer of a unix socket is always trusted.
        fields: By name of a field, its value where the client speaks TLS.
    """

    __slots__ = ("_app", "_fields", "_trusts")

    def __init__(self, app: ASGIApp, trusted: list[str], fields: dict[str, str]) -> None:
        self._app = app
        self._fields = {
            name.lower().encode("latin-1"): value.encode("latin-1")
            for name, value in fields.items()
        }
        everybody = "*" in trusted
        networks = [ipaddress.ip_network(each, strict=False) for each in trusted if each != "*"]

        @lru_cache(maxsize=1024)
        def trusts(host: str) -> bool:
            if everybody:
                return True
            try:
                address = ipaddress.ip_address(host)
            except ValueError:
                return False
            mapped = getattr(address, "ipv4_mapped", None)
            return any((mapped or address) in network for network in networks)

        self._trusts = trusts

    def __repr__(self) -> str:
        return f"<Forwarded {b' '.join(self._fields).decode('latin-1')}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the application's."""
        kind = scope["type"]
        if kind not in _SECURE:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        if client is None or self._trusts(client[0]):
            fields = self._fields
            told = {fields[name] == value for name, value in scope["headers"] if name in fields}
            if len(told) > 1:
                await _refuse(kind, send)
                return
            if told:
                scheme = (_SECURE if told.pop() else _CLEAR)[kind]
                if scheme != scope["scheme"]:
                    scope = {**scope, "scheme": scheme}
        await self._app(scope, receive, send)


async def _refuse(kind: str, send: Send) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1002})
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(_REFUSAL))]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSAL})
