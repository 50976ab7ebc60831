"""The environ of a request (PEP 3333, "environ Variables"), from its ASGI scope.

Strings are *native*: text whose characters stand for bytes, by latin-1. The path is made of the
bytes that were sent, as far as the scope still has them: `path` is decoded from UTF-8, which not
every path is.

A field name with an underscore would be taken for the one with a hyphen, which a proxy may have set
or removed: such fields are left out. So is `Proxy`, which no HTTP field is and which programs that
run commands would pass on as `HTTP_PROXY`.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from nonecorn.spi import Scope

_PORTS = {"http": "80", "https": "443"}
_MOST_LEARNED = 1024
_LEARNED_SIZE = 64

_keys: dict[bytes, str] = {
    b"content-type": "CONTENT_TYPE",
    b"content-length": "CONTENT_LENGTH",
    b"proxy": "",
}
"""Environ keys of field names; empty for those that are left out."""


def constant_environ(*, threads: int, multiprocess: bool, file_wrapper: Any) -> dict[str, Any]:
    """What every request of an application has in common."""
    return {
        "SERVER_SOFTWARE": "nonecorn",
        "wsgi.version": (1, 0),
        "wsgi.multithread": threads > 1,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": file_wrapper,
        # A body without Content-Length ends by itself, as one with it does.
        "wsgi.input_terminated": True,
    }


def make_environ(constant: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Everything but `wsgi.input`, and what the response is made with.

    Args:
        constant: See `constant_environ`.
        scope: An HTTP scope of ASGI.
    """
    environ = constant.copy()
    environ["REQUEST_METHOD"] = scope["method"]
    environ["SERVER_PROTOCOL"] = f"HTTP/{scope['http_version']}"
    query = environ["QUERY_STRING"] = scope["query_string"].decode("latin-1")
    scheme = environ["wsgi.url_scheme"] = scope["scheme"]
    _set_path(environ, scope, query)
    for name, value in scope["headers"]:
        key = _keys.get(name)
        if key is None:
            key = _learn(name)
        if not key:
            continue
        text = value.decode("latin-1")
        before = environ.get(key)
        if before is None:
            environ[key] = text
        elif key == "HTTP_COOKIE":
            environ[key] = f"{before}; {text}"
        elif key != "CONTENT_LENGTH":  # repeats of that say the same: it frames the message
            environ[key] = f"{before}, {text}"
    server = scope.get("server")
    if server is not None and server[1] is not None:
        environ["SERVER_NAME"] = server[0]
        environ["SERVER_PORT"] = str(server[1])
    else:
        environ["SERVER_NAME"], environ["SERVER_PORT"] = _by_host(environ, scheme)
    client = scope.get("client")
    if client is not None:
        environ["REMOTE_ADDR"] = client[0]
        environ["REMOTE_PORT"] = str(client[1])
    else:
        environ["REMOTE_ADDR"] = ""
    # Not before: tests and tools put another in its place.
    environ["wsgi.errors"] = sys.stderr
    environ["nonecorn.scope"] = scope
    return environ


def below(path: str, prefix: str) -> bool:
    """Whether a path is a prefix, or continues it by whole segments."""
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("/", "")


def _set_path(environ: dict[str, Any], scope: Scope, query: str) -> None:
    path: str = scope["path"]
    raw: bytes | None = scope.get("raw_path")
    target = path if raw is None else raw.decode("latin-1")
    environ["REQUEST_URI"] = environ["RAW_URI"] = f"{target}?{query}" if query else target
    if not path.isascii():
        path = _native(path, raw)
    root: str = scope.get("root_path", "")
    if root:
        root = root.rstrip("/")
        if not root.isascii():
            root = root.encode("utf-8", "surrogateescape").decode("latin-1")
        # ASGI's path has the root in it; a proxy in front may have taken it off.
        if below(path, root):
            path = path[len(root) :]
    environ["SCRIPT_NAME"] = root
    # `OPTIONS *` (RFC 9110 section 9.3.7) is about no path; a PATH_INFO begins with a slash.
    environ["PATH_INFO"] = "" if path == "*" else path


def _native(path: str, raw: bytes | None) -> str:
    if raw is not None:
        sent = unquote_to_bytes(raw)
        if sent.decode("utf-8", "replace") == path:  # no middleware has changed it
            return sent.decode("latin-1")
    return path.encode("utf-8", "surrogateescape").decode("latin-1")


def _learn(name: bytes) -> str:
    key = "" if b"_" in name else "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
    if len(_keys) < _MOST_LEARNED and len(name) <= _LEARNED_SIZE:
        _keys[name] = key
    return key


def _by_host(environ: dict[str, Any], scheme: str) -> tuple[str, str]:
    """Name and port of a server that has none: it listens on a unix socket."""
    host, colon, port = environ.get("HTTP_HOST", "").rpartition(":")
    if not colon or not port.isdigit():
        host, port = environ.get("HTTP_HOST", ""), ""
    return host or "localhost", port or _PORTS.get(scheme, "80")
