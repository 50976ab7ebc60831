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
    "graceful_timeout": "Start and stop",
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
        help="Address: HOST:PORT, [V6]:PORT, unix:PATH or fd://N. With a certificate: over TLS.",
        flags=("-b", "--bind"),
    )
    insecure_bind: tuple[str, ...] = setting(
        (), help="Address to serve without TLS beside those with it."
    )
    quic_bind: tuple[str, ...] = setting((), help="Address to serve over QUIC.")
    backlog: int = setting(2048, help="Connections that may wait to be accepted.", minimum=1)

    # TLS
    certfile: str | None = setting(
        None, help="Certificate chain, PEM; may hold the key too.", is_path=True
    )
    keyfile: str | None = setting(None, help="Private key, PEM.", is_path=True)
    keyfile_password: str | None = setting(None, help="Password of an encrypted key.", secret=True)
    ca_certs: str | None = setting(
        None, help="CA certificates that client certificates must lead to, PEM.", is_path=True
    )
    verify_mode: Literal["none", "optional", "required"] = setting(
        "none", help="Whether clients must show a certificate."
    )
    ciphers: str | None = setting(None, help="OpenSSL cipher string for TLS 1.2.")
    tls_min_version: Literal["1.2", "1.3"] = setting("1.2", help="Oldest TLS version.")
    tls_handshake_timeout: float = setting(
        60.0, help="Time for a TLS handshake.", unit=Unit.SECONDS, minimum=0
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

    # Start and stop
    pid: str | None = setting(None, help="File to write the process ID to.", is_path=True)
    graceful_timeout: float = setting(
        10.0, help="Time for open requests at shutdown.", unit=Unit.SECONDS, minimum=0
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
