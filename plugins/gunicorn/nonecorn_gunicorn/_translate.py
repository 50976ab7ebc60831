"""Gunicorn's settings as nonecorn's.

Each translated value is a default: nonecorn's own file, its environment variables and the mapping
in Gunicorn's file win over it. What the arbiter does by itself (sockets, users, environment,
processes, its logs and statsd) is not here.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

Setting: TypeAlias = tuple[str, str, Any]
"""Table, name and value, of nonecorn's."""

_SHUTDOWN_SHARE = 0.1
"""Part of `graceful_timeout` that is the application's, to shut down. When all of it has passed
the arbiter kills."""

_EVERYBODY = ("0.0.0.0/0", "::/0")

_VERIFY = {ssl.CERT_NONE: "none", ssl.CERT_OPTIONAL: "optional", ssl.CERT_REQUIRED: "required"}

_LEVELS = ("debug", "info", "warning", "error", "critical")

_HEAD = 65536
"""nonecorn's bound of a request's head, in bytes."""

_WITHOUT_EFFECT = {
    "http_protocols": "nonecorn offers every protocol that is installed",
    "http2_cleartext": "nonecorn serves HTTP/2 on clear connections where h2 is installed",
    "protocol": "nonecorn speaks HTTP",
    "permit_obsolete_folding": "nonecorn refuses what proxies read differently",
    "strip_header_spaces": "nonecorn refuses what proxies read differently",
    "permit_unconventional_http_method": "nonecorn has rules of its own for methods",
    "permit_unconventional_http_version": "nonecorn has rules of its own for versions",
    "casefold_http_method": "methods are case-sensitive",
    "forwarder_headers": "the plugin proxy_fix sets paths that a proxy tells",
    "header_map": "names with underscores never reach the environment of a WSGI application",
    "asgi_loop": "the worker class says which event loop it is",
    "http_parser": "the plugin h11 or httptools is chosen with NONECORN_PLUGIN",
    "asgi_disconnect_grace_period": "applications decide what they do once a client has gone",
}
"""Settings that Gunicorn's own workers would heed, and why they do nothing here."""


def translate(cfg: Any) -> Iterator[Setting]:
    """What a configuration of Gunicorn's says of nonecorn's settings.

    Args:
        cfg: Gunicorn's; of which version, shows in what it has.
    """
    yield from _server(cfg)
    yield from _limits(cfg)
    yield from _tls(cfg)
    yield from _proxies(cfg)
    for name, table, own in (
        ("websocket_max_message_size", "ws", "max_message"),
        ("http2_max_concurrent_streams", "h2", "max_streams"),
        ("http2_initial_window_size", "h2", "receive_window"),
    ):
        if not _is_default(cfg, name):
            yield table, own, getattr(cfg, name)
    if not _is_default(cfg, "websocket_max_message_size"):
        yield "ws", "max_frame", cfg.websocket_max_message_size
        yield "ws", "max_inflated", cfg.websocket_max_message_size
    if cfg.threads > 1:
        yield "wsgi", "threads", cfg.threads
    if cfg.workers > 1:  # of which nonecorn in one of them knows nothing
        yield "wsgi", "multiprocess", "on"


def without_effect(cfg: Any) -> Iterator[str]:
    """Settings that somebody has made and that do nothing, one line each."""
    for name, reason in _WITHOUT_EFFECT.items():
        if not _is_default(cfg, name):
            yield f"{name} has no effect on this worker class: {reason}"


def _is_default(cfg: Any, name: str) -> bool:
    """Nobody has changed it, or this Gunicorn does not have it."""
    setting = cfg.settings.get(name)
    return setting is None or setting.get() == type(setting)().get()


def _server(cfg: Any) -> Iterator[Setting]:
    yield "", "backlog", cfg.backlog
    level = cfg.loglevel.lower()
    yield "", "log_level", level if level in _LEVELS else "info"  # as Gunicorn reads it
    yield "", "graceful_timeout", cfg.graceful_timeout * (1 - _SHUTDOWN_SHARE)
    if cfg.graceful_timeout:
        yield "", "shutdown_timeout", cfg.graceful_timeout
    if not _is_default(cfg, "root_path"):
        yield "", "root_path", cfg.root_path
    if not _is_default(cfg, "asgi_lifespan"):
        yield "", "lifespan", cfg.asgi_lifespan


def _limits(cfg: Any) -> Iterator[Setting]:
    if cfg.keepalive:
        yield "limits", "keep_alive_timeout", cfg.keepalive
    else:
        yield "limits", "requests_per_connection", 1
    yield "limits", "connections", cfg.worker_connections
    yield "limits", "head_fields", cfg.limit_request_fields
    line = cfg.limit_request_line or _HEAD
    yield "limits", "target_size", max(line, 64)
    # Gunicorn bounds each field, nonecorn all of them together.
    size = cfg.limit_request_field_size or 1 << 20
    whole = line + cfg.limit_request_fields * (size + 2)
    yield "limits", "head_size", max(min(max(_HEAD, line + size + 2), whole), 1024)


def _tls(cfg: Any) -> Iterator[Setting]:
    if not cfg.certfile:
        return
    yield "", "certfile", cfg.certfile
    if cfg.keyfile:
        yield "", "keyfile", cfg.keyfile
    if cfg.ciphers:
        yield "", "ciphers", cfg.ciphers
    verify = _VERIFY[ssl.VerifyMode(cfg.cert_reqs)]
    if verify != "none":
        yield "", "verify_mode", verify
        if cfg.ca_certs:
            yield "", "ca_certs", cfg.ca_certs


def _proxies(cfg: Any) -> Iterator[Setting]:
    # False and True before Gunicorn 24.1
    if cfg.proxy_protocol not in (False, "off"):
        trusted: list[str] = []
        for address in cfg.proxy_allow_ips:
            trusted += _EVERYBODY if address == "*" else [address]
        yield "", "proxy_protocol", "trusted"
        # Gunicorn trusts whoever may open a unix socket.
        yield "", "proxy_protocol_trusted", [*trusted, "unix"]


def give_defaults(draft: Any, settings: Iterable[Setting]) -> None:
    """Set what nobody has chosen. Settings of plugins that are not installed are passed over.

    Args:
        draft: Of `nonecorn_configure`.
        settings: Translated.
    """
    for table, name, value in settings:
        try:
            chosen = draft.origin(table, name) != "default"
        except KeyError:
            continue
        if not chosen:
            draft.set(table, name, value)
