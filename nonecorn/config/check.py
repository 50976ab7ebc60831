"""What no single setting can see: values that do not go together, and files that are not there.

What depends on plugins (who serves an address, which worker there is) the plan's compiler checks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from nonecorn.config.config import Config

_FILES = ("certfile", "keyfile", "ca_certs", "log_config")
_WRITTEN = ("pid", "access_log")


def check(config: Config) -> Iterator[str]:
    """Problems of the kernel's own tables, one line each."""
    yield from _tls(config)
    yield from _addresses(config)
    yield from _files(config)
    yield from _values(config)


def _tls(config: Config) -> Iterator[str]:
    server = config.server
    if not server.certfile:
        for name in ("keyfile", "keyfile_password", "ca_certs"):
            if getattr(server, name):
                yield f"{_at(config, name)} is given without certfile, and TLS needs a certificate"
    if server.verify_mode != "none" and not server.ca_certs:
        where = f"{_at(config, 'verify_mode')} is {server.verify_mode!r}"
        yield f"{where}, which needs ca_certs: whose client certificates to accept"


def _addresses(config: Config) -> Iterator[str]:
    server = config.server
    for name in ("bind", "insecure_bind", "quic_bind"):
        given = getattr(server, name)
        if any(not address.strip() for address in given):
            yield f"{_at(config, name)} has an empty address"
        for address in sorted({address for address in given if given.count(address) > 1}):
            # Each `HOST:0` is a port of its own.
            if not address.endswith(":0"):
                yield f"{_at(config, name)} names {address} twice"


def _files(config: Config) -> Iterator[str]:
    server = config.server
    for name in _FILES:
        path = getattr(server, name)
        if path:
            problem = _unreadable(Path(path))
            if problem:
                yield f"{_at(config, name)}: {path}: {problem}"
    for name in _WRITTEN:
        path = getattr(server, name)
        if path and path != "-" and not Path(path).absolute().parent.is_dir():
            yield f"{_at(config, name)}: {path}: there is no such directory"
    if not Path(server.app_dir).is_dir():
        yield f"{_at(config, 'app_dir')}: {server.app_dir}: there is no such directory"


def _values(config: Config) -> Iterator[str]:
    root = config.server.root_path
    if root and (not root.startswith("/") or root.endswith("/")):
        yield f"{_at(config, 'root_path')}: {root!r}: begin with a slash and end without one"


def _unreadable(path: Path) -> str:
    if path.is_dir():
        return "this is a directory"
    if not path.exists():
        return "there is no such file"
    return "" if os.access(path, os.R_OK) else "it cannot be read"


def _at(config: Config, name: str) -> str:
    origin = config.origin("", name)
    if origin == "default":
        return name
    named = origin.startswith(("flag ", "environment ", "argument "))
    return origin if named else f"{origin}: {name}"
