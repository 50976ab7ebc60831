"""Settings: one frozen dataclass per TOML table; flags, environment and documentation follow
from it.

    @dataclass(frozen=True, slots=True, kw_only=True) class EchoSettings(Settings):
        \"\"\"What `[echo]` may hold.\"\"\"

        table: ClassVar[str] = "echo" prefix: str = setting("", help="Text put before each
        line.") timeout: float = setting(5.0, help="Silence allowed.", unit=Unit.SECONDS,
        minimum=0)

gives `[echo] prefix = …`, `--echo-prefix`, `NONECORN_ECHO_PREFIX`, the rows of the reference
page, and the JSON schema. Field types may be `bool`, `int`, `float`, `str`, `tuple[str, ...]`,
a `Literal` of strings, or one of these `| None`. Anything else is a `BadSpecError` when the
plugin is loaded.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from typing import Any, ClassVar


class Unit(enum.Enum):
    """What a number counts; the command line and files also accept the suffixes named here."""

    SECONDS = "seconds"
    """`10`, `1.5`, `10s`, `500ms`, `1m30s`, `2h`."""

    BYTES = "bytes"
    """`65536`, `64KiB`, `16MiB`, `1GiB`."""

    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInfo:
    """What is known of one field beyond its type and default; stored in the field's metadata.

    Attributes:
        help: One sentence for `--help` and the reference page.
        unit: What a number counts.
        minimum: Smallest number allowed.
        flags: Flags when they are not the derived `--<table>-<field>`; only the kernel's own
            table uses it.
        secret: Value is masked wherever configuration is shown, and left out of the settings'
            repr.
        is_path: Value names a file; a relative one in a file is relative to that file.
    """

    help: str
    unit: Unit = Unit.COUNT
    minimum: float | None = None
    flags: tuple[str, ...] = ()
    secret: bool = False
    is_path: bool = False


def setting(
    default: Any,
    *,
    help: str,  # noqa: A002  # the field's word for it, as in click and argparse
    unit: Unit = Unit.COUNT,
    minimum: float | None = None,
    flags: tuple[str, ...] = (),
    secret: bool = False,
    is_path: bool = False,
) -> Any:
    """A dataclass field with a default and a `SettingInfo`."""
    info = SettingInfo(
        help=help, unit=unit, minimum=minimum, flags=flags, secret=secret, is_path=is_path
    )
    return dataclasses.field(default=default, repr=not secret, metadata={"nonecorn": info})


def info_of(field: dataclasses.Field[Any]) -> SettingInfo:
    """The `SettingInfo` of a field made by `setting`."""
    info: SettingInfo = field.metadata["nonecorn"]
    return info


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Base of every settings dataclass.

    Attributes:
        table: TOML table, and prefix of flags and environment names; the plugin's name.
    """

    table: ClassVar[str] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Settings):
    """`[limits]`: what every listener bounds, whatever the protocol. 0 switches a limit off."""

    table: ClassVar[str] = "limits"

    head_size: int = setting(
        65536, help="Request line and header fields together.", unit=Unit.BYTES, minimum=1024
    )
    head_fields: int = setting(128, help="Header fields of one request.", minimum=1)
    target_size: int = setting(8192, help="Request target.", unit=Unit.BYTES, minimum=64)
    head_timeout: float = setting(
        10.0,
        help="From a request's first byte to the end of its head.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    keep_alive_timeout: float = setting(
        5.0,
        help="An idle connection is closed after this.",
        unit=Unit.SECONDS,
        minimum=0,
        flags=("--keep-alive-timeout",),
    )
    body_timeout: float = setting(
        30.0,
        help="Silence of a client whose request body is awaited.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    app_timeout: float = setting(
        0.0,
        help="The application's time for one request (504 after it).",
        unit=Unit.SECONDS,
        minimum=0,
    )
    write_timeout: float = setting(
        30.0, help="A client that takes no byte of its response.", unit=Unit.SECONDS, minimum=0
    )
    body_size: int = setting(0, help="Request body (413 beyond it).", unit=Unit.BYTES, minimum=0)
    receive_buffer: int = setting(
        65536, help="Request body held per stream until the application receives it.",
        unit=Unit.BYTES, minimum=1024,
    )  # fmt: skip
    send_buffer: int = setting(
        65536,
        help="Response held per stream until the client takes it.",
        unit=Unit.BYTES,
        minimum=1024,
    )
    connections: int = setting(
        10000, help="Connections per worker; more wait in the backlog.", minimum=0
    )
    concurrency: int = setting(
        0, help="Requests at once per worker; more wait in a queue.", minimum=0
    )
    queue_timeout: float = setting(
        10.0, help="A queued request is answered 503 after this.", unit=Unit.SECONDS, minimum=0
    )
    requests_per_connection: int = setting(
        0, help="A connection is closed after this many requests.", minimum=0
    )
    close_timeout: float = setting(
        2.0, help="A closing connection whose peer does not close.", unit=Unit.SECONDS, minimum=0
    )
