"""What no single setting can see: values that do not go together, and files that are not there.

What depends on plugins (who serves an address, which worker there is) the plan's compiler checks.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from nonecorn.config.config import Config

_FILES = ("certfile", "keyfile", "keyfile_password_file", "ca_certs", "log_config")
_PERMISSIONS = re.compile(r"(0o)?0?[0-7]{1,3}")
_WRITTEN = ("pid", "access_log", "tls_key_log")


def check(config: Config) -> Iterator[str]:
    """Problems of the kernel's own tables, one line each."""
    yield from _tls(config)
    yield from _addresses(config)
    yield from _files(config)
    yield from _values(config)


def _tls(config: Config) -> Iterator[str]:
    server = config.server
    if not server.certfile:
        for name in (
            "keyfile", "keyfile_password", "keyfile_password_file", "sni_certificate", "ca_certs",
        ):  # fmt: skip
            if getattr(server, name):
                yield f"{_at(config, name)} is given without certfile, and TLS needs a certificate"
    if server.keyfile_password is not None and server.keyfile_password_file:
        where = f"{_at(config, 'keyfile_password_file')} and {_at(config, 'keyfile_password')}"
        yield f"{where} are both given: one password, please"
    if server.dev_tls and server.certfile and not _from_plugin(config, "certfile"):
        yield (
            f"{_at(config, 'dev_tls')} makes a certificate, and {_at(config, 'certfile')} names "
            "another: drop one of them"
        )
    if server.certfile and server.ca_certs and server.verify_mode == "none":
        where = f"{_at(config, 'ca_certs')} is given"
        yield f"{where}, but verify_mode is 'none': clients are asked for no certificate"
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
    for path in server.reload_dir:
        if not Path(path).is_dir():
            yield f"{_at(config, 'reload_dir')}: {path}: there is no such directory"


def _values(config: Config) -> Iterator[str]:
    root = config.server.root_path
    if root and (not root.startswith("/") or root.endswith("/")):
        yield f"{_at(config, 'root_path')}: {root!r}: begin with a slash and end without one"
    for name in ("socket_mode", "umask"):
        bits = getattr(config.server, name)
        if bits is not None and not _PERMISSIONS.fullmatch(bits):
            yield f"{_at(config, name)}: {bits!r}: write permissions in octal, 000 to 777"
    if config.server.proxy_protocol != "off":
        yield from _proxies(config)
    yield from _workers(config)


def _workers(config: Config) -> Iterator[str]:
    server = config.server
    if not server.workers:
        for name in ("max_worker_lifetime", "max_worker_memory", "worker_hang_timeout"):
            if getattr(server, name):
                yield f"{_at(config, name)}: needs workers: give --workers 1 or more"
    for name in ("max_requests", "max_worker_lifetime"):
        if getattr(server, f"{name}_jitter") and not getattr(server, name):
            yield f"{_at(config, f'{name}_jitter')} is given without {name}"
    if server.max_worker_memory and sys.platform == "win32":
        yield f"{_at(config, 'max_worker_memory')}: cannot be measured on Windows"


def _proxies(config: Config) -> Iterator[str]:
    from nonecorn.spi.trust import TrustedPeers  # noqa: PLC0415  # only where used

    where = _at(config, "proxy_protocol_trusted")
    trusted = config.server.proxy_protocol_trusted
    if not trusted:
        yield f"{where} names nobody, and proxy_protocol is on: name the proxies"
    for peer in trusted:
        try:
            TrustedPeers((peer,))
        except ValueError as error:
            yield f"{where}: {error}"


def _unreadable(path: Path) -> str:
    if path.is_dir():
        return "this is a directory"
    if not path.exists():
        return "there is no such file"
    return "" if os.access(path, os.R_OK) else "it cannot be read"


def _from_plugin(config: Config, name: str) -> bool:
    return config.origin("", name).startswith("plugin ")


def _at(config: Config, name: str) -> str:
    origin = config.origin("", name)
    if origin == "default":
        return name
    named = origin.startswith(("flag ", "environment ", "argument "))
    return origin if named else f"{origin}: {name}"
