"""The middleware: requests without TLS are answered by a redirect, responses with TLS get a field.

What counts is the scheme in the scope. Behind a proxy that ends TLS this is what the proxy says, if
`proxy_fix` stands further out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn.spi import read_options
from nonecorn.spi.authority import HostNames
from nonecorn_https_redirect._options import ANY, HTTPSRedirectOptions
from nonecorn_https_redirect._target import Targets, UnknownHostError

if TYPE_CHECKING:
    from nonecorn.spi import AppContext, ASGIApp, Headers, Message, Receive, Scope, Send

_SECURE = {"http": b"https", "ws": b"wss"}
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_HSTS = b"strict-transport-security"
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


def make(app: ASGIApp, options: dict[str, Any], _context: AppContext) -> HTTPSRedirect:
    """See `nonecorn.spi.Middleware`."""
    return HTTPSRedirect(app, **options)


def check(options: dict[str, Any], _context: AppContext) -> None:
    """See `nonecorn.spi.MiddlewareCheck`."""
    _read(options)


def _read(options: dict[str, Any]) -> HTTPSRedirectOptions:
    return read_options(HTTPSRedirectOptions, options, "middleware https_redirect")


class HTTPSRedirect:
    """See the package.

    Args:
        app: What to wrap.
        **options: See `HTTPSRedirectOptions`.

    Raises:
        ConfigError: They cannot be used.
    """

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        read = _read(options)
        self.app = app
        self.options = read
        self._targets = Targets(
            HostNames(host for host in read.hosts if host != ANY),
            any_host=ANY in read.hosts,
            ports=read.port_map,
            port=read.port,
        )
        self._hsts = _policy(read)

    def __repr__(self) -> str:
        hosts = ", ".join(self.options.hosts)
        return f"<HTTPSRedirect {self.options.status} hosts={hosts} hsts={self._hsts!r}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        kind = scope["type"]
        if kind in {"http", "websocket"}:
            secure = _SECURE.get(scope.get("scheme", "http" if kind == "http" else "ws"))
            if secure is not None and not self._is_exempt(scope["path"]):
                await self._redirect(scope, secure, receive, send)
                return
            if secure is None and self._hsts:
                send = self._with_policy(send)
        await self.app(scope, receive, send)

    def _is_exempt(self, path: str) -> bool:
        for exempt in self.options.exempt:
            if path == exempt or path.startswith(exempt if exempt[-1] == "/" else f"{exempt}/"):
                # What leads out again is not below it; some take a backslash for a slash.
                return ".." not in path.replace("\\", "/").split("/")
        return False

    async def _redirect(self, scope: Scope, secure: bytes, receive: Receive, send: Send) -> None:
        headers: Headers = [_TEXT]
        try:
            location = self._targets.of(scope, secure)
        except UnknownHostError:
            # RFC 9110 section 15.5.20
            status, body = 421, b"This server is not configured for that host"
        except ValueError:
            status, body = 400, b"Bad host"
        else:
            status, body, headers = self.options.status, b"", [(b"location", location)]
        prefix = ""
        if scope["type"] == "websocket":
            await receive()
            if "websocket.http.response" not in (scope.get("extensions") or ()):
                await send({"type": "websocket.close"})
                return
            prefix = "websocket."
        length = (b"content-length", b"%d" % len(body))
        start = {"type": f"{prefix}http.response.start", "status": status}
        await send({**start, "headers": [*headers, length]})
        await send({"type": f"{prefix}http.response.body", "body": body})

    def _with_policy(self, send: Send) -> Send:
        policy = (_HSTS, self._hsts)

        async def with_policy(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = list(message.get("headers", ()))
                if not any(name.lower() == _HSTS for name, _ in headers):
                    message = {**message, "headers": [*headers, policy]}
            await send(message)

        return with_policy


def _policy(options: HTTPSRedirectOptions) -> bytes:
    """The field's value (RFC 6797 section 6.1); empty for none."""
    if not options.hsts_max_age:
        return b""
    text = f"max-age={int(options.hsts_max_age)}"
    if options.hsts_include_subdomains:
        text += "; includeSubDomains"
    if options.hsts_preload:
        text += "; preload"
    return text.encode("ascii")
