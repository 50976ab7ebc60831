"""The kernel's own settings: the top level of `nonecorn.toml`, and `serve`'s common flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from nonecorn.spi.settings import Settings, Unit, setting

POSITIONAL: Final = "app"
"""The one setting that `serve` takes as its argument instead of as a flag."""

SECTIONS: Final = {
    "app": "Application",
    "bind": "Addresses",
    "certfile": "TLS",
    "worker": "Runtime and plugins",
    "workers": "Processes",
    "reload": "Development",
    "pid": "Start and stop",
    "server_header": "Responses",
    "access_log": "Logging",
}
"""Headings of the help and the reference page; each begins at the field that it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings(Settings):
    """The top-level table. `limits` and each plugin have a table of their own."""

    table: ClassVar[str] = ""

    # Application
    app: str | None = setting(
        None, help="The application: module:attribute or path/to/file.py:attribute.", flags=()
    )
    factory: bool = setting(False, help="APP is a function that makes the application.")
    app_dir: str = setting(".", help="Directory that APP is imported from.", is_path=True)
    interface: str = setting(
        "auto", help="Application interface: auto, or the name of an installed one."
    )
    lifespan: Literal["auto", "on", "off"] = setting(
        "auto", help="Send lifespan events to the application."
    )
    root_path: str = setting(
        "", help="Path that a proxy strips before it passes requests on (ASGI root_path)."
    )
    env_file: str | None = setting(
        None, help="File of NAME=value lines that join the environment first.", is_path=True
    )

    # Addresses
    bind: tuple[str, ...] = setting(
        ("127.0.0.1:8000",),
        help="Address: HOST:PORT, [V6]:PORT, unix:PATH, fd://N or systemd:NAME. With a "
        "certificate: over TLS.",
        flags=("-b", "--bind"),
    )
    insecure_bind: tuple[str, ...] = setting(
        (), help="Address to serve without TLS beside those with it."
    )
    quic_bind: tuple[str, ...] = setting(
        (),
        help="Address to serve over QUIC: HTTP/3. By default, where --plugin h3 asks for it, those "
        "of bind.",
    )
    alt_svc: str = setting(
        "auto",
        help="What responses over TLS say in Alt-Svc (RFC 7838): auto names the ports of QUIC; off "
        "says nothing; anything else is said as it stands.",
    )
    health_bind: tuple[str, ...] = setting(
        (),
        help="Address that answers /livez, /readyz and /metrics, without TLS and for those who "
        "look after the server only; the application is not reached there.",
    )
    backlog: int = setting(2048, help="Connections that may wait to be accepted.", minimum=1)
    reuse_port: Literal["auto", "on", "off"] = setting(
        "auto",
        help="SO_REUSEPORT: auto gives each worker TCP sockets of its own where the system spreads "
        "connections (Linux); on lets other servers bind the same addresses; off shares them.",
    )
    tcp_keep_alive: float = setting(
        60.0,
        help="Silence after which the system asks whether a TCP peer is still there; 0 for never.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    socket_mode: str | None = setting(
        None, help="Permissions of unix socket files, in octal: 660. By default the umask decides."
    )
    socket_user: str | None = setting(None, help="Owner of unix socket files: a name or number.")
    socket_group: str | None = setting(None, help="Group of unix socket files: a name or number.")
    proxy_protocol: Literal["off", "trusted", "required"] = setting(
        "off",
        help="PROXY protocol: trusted expects its header from those in proxy_protocol_trusted and "
        "serves others as they come; required closes the connections of others.",
    )
    proxy_protocol_trusted: tuple[str, ...] = setting(
        ("127.0.0.0/8", "::1", "unix"),
        help="Proxies that send the PROXY protocol: an address, a network, or unix for the peers "
        "of unix sockets.",
    )

    # TLS
    certfile: str | None = setting(
        None, help="Certificate chain, PEM; may hold the key too.", is_path=True
    )
    keyfile: str | None = setting(None, help="Private key, PEM.", is_path=True)
    keyfile_password: str | None = setting(None, help="Password of encrypted keys.", secret=True)
    keyfile_password_file: str | None = setting(
        None, help="File whose first line is that password.", is_path=True
    )
    sni_certificate: tuple[str, ...] = setting(
        (),
        help="CHAIN or CHAIN:KEY: a certificate for clients that ask for a host it names. KEY is "
        "relative to CHAIN.",
        is_path=True,
    )
    ca_certs: str | None = setting(
        None,
        help="CA certificates that client certificates must lead to, PEM; maybe with CRLs.",
        is_path=True,
    )
    verify_mode: Literal["none", "optional", "required"] = setting(
        "none", help="Whether clients must show a certificate."
    )
    ciphers: str | None = setting(None, help="OpenSSL cipher string for TLS 1.2.")
    tls_groups: str | None = setting(
        None, help="Key exchange groups, separated by colons; more than one needs Python 3.15."
    )
    tls_min_version: Literal["1.2", "1.3"] = setting("1.2", help="Oldest TLS version.")
    tls_handshake_timeout: float = setting(
        60.0, help="Time for a TLS handshake.", unit=Unit.SECONDS, minimum=0
    )
    tls_reload_interval: float = setting(
        5.0,
        help="How often certificate files are looked at for changes; 0 for never.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    tls_key_log: str | None = setting(
        None,
        help="File for the secrets of connections, for Wireshark. SSLKEYLOGFILE does the same.",
        is_path=True,
    )
    dev_tls: bool = setting(
        False, help="Serve over TLS with a certificate of a CA on this machine, for development."
    )

    # Runtime and plugins
    worker: str | None = setting(
        None,
        help="Runtime: asyncio, uvloop or trio; by default the fastest that is installed.",
        flags=("-k", "--worker"),
    )
    plugin: tuple[str, ...] = setting(
        (),
        help="Plugin to require and switch on: a name, a dotted module, or ./file.py.",
        flags=("-p", "--plugin"),
    )
    no_plugin: tuple[str, ...] = setting((), help="Plugin never to import.")
    autoload: bool = setting(True, help="Load every installed plugin's descriptor.")
    middleware: tuple[str, ...] = setting(
        (), help="Middleware around the application, outermost first."
    )
    debug: bool = setting(False, help="The event loop's debug mode.")

    # Processes
    workers: int = setting(
        0,
        help="Processes that serve; 0 serves in this one, without a supervisor.",
        minimum=0,
        flags=("-w", "--workers"),
    )
    max_requests: int = setting(
        0,
        help="A worker is replaced after so many requests, and without workers the server ends; "
        "0 for never.",
        minimum=0,
    )
    max_requests_jitter: int = setting(
        0, help="Up to so many requests more, by chance, so that workers differ.", minimum=0
    )
    max_worker_lifetime: float = setting(
        0.0, help="A worker is replaced after this; 0 for never.", unit=Unit.SECONDS, minimum=0
    )
    max_worker_lifetime_jitter: float = setting(
        0.0, help="Up to so much longer, by chance.", unit=Unit.SECONDS, minimum=0
    )
    max_worker_memory: int = setting(
        0,
        help="A worker whose resident memory is larger is replaced; 0 for any size.",
        unit=Unit.BYTES,
        minimum=0,
    )
    worker_hang_timeout: float = setting(
        0.0,
        help="A worker whose event loop does not respond for this long is killed; 0 for never.",
        unit=Unit.SECONDS,
        minimum=0,
    )

    # Development
    reload: bool = setting(
        False, help="Start the application anew when a file changes; with one worker."
    )
    reload_dir: tuple[str, ...] = setting(
        (),
        help="Directory to watch; by default app_dir, and the directory of APP where that is a "
        "file.",
        is_path=True,
    )
    reload_include: tuple[str, ...] = setting(
        (),
        help="Files to watch besides Python's: a name with wildcards, or with a slash a path from "
        "the watched directory; of a directory, all that is in it.",
    )
    reload_exclude: tuple[str, ...] = setting(
        (), help="Files and directories not to watch, likewise; it wins over reload_include."
    )
    reload_watcher: Literal["auto", "watchfiles", "polling"] = setting(
        "auto",
        help="What tells of changes: watchfiles (in nonecorn[reload]), or looking at every file "
        "again and again; auto takes watchfiles where it is installed and can do it.",
    )

    # Start and stop
    pid: str | None = setting(None, help="File to write the process ID to.", is_path=True)
    user: str | None = setting(
        None, help="User to become once the addresses are bound: a name or number."
    )
    group: str | None = setting(None, help="Group to become with it; by default the user's own.")
    umask: str | None = setting(
        None, help="Permissions that new files are not to have, in octal: 027."
    )
    graceful_timeout: float = setting(
        10.0, help="Time for open requests at shutdown.", unit=Unit.SECONDS, minimum=0
    )
    drain_delay: float = setting(
        0.0,
        help="Time between the moment that /readyz says no and the end of accepting: what load "
        "balancers need to notice. Idle connections are then left to their clients for as long as "
        "keep_alive_timeout.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    drain: Literal["notify", "wait", "cancel"] = setting(
        "notify",
        help="What becomes of event streams at shutdown: notify tells the application that the "
        "client leaves, cancel cancels it, wait gives it the time of other requests.",
    )
    startup_timeout: float = setting(
        60.0, help="Time for the application's lifespan start-up.", unit=Unit.SECONDS, minimum=0
    )
    shutdown_timeout: float = setting(
        60.0, help="Time for the application's lifespan shutdown.", unit=Unit.SECONDS, minimum=0
    )

    # Responses
    server_header: bool = setting(True, help="Send the Server field.")
    date_header: bool = setting(True, help="Send the Date field.")

    # Logging
    access_log: str | None = setting(
        None, help="File for one line per request; - is standard output.", is_path=True
    )
    access_log_format: str = setting(
        "combined", help="common, combined, json, or a format of atoms."
    )
    log_level: Literal["debug", "info", "warning", "error", "critical"] = setting(
        "info", help="Least severe message to log."
    )
    log_format: Literal["text", "json"] = setting(
        "text", help="Form of the server's own log lines."
    )
    log_config: str | None = setting(
        None, help="logging.config file: .toml or .json for dictConfig, else ini.", is_path=True
    )
