"""Descriptor: `--dev-tls`, and the command that trusts the CA behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nonecorn.spi import CommandSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_configure(draft: Any) -> None:
    """Make the certificate, unless there is a good one, and configure it."""
    if not draft.get("", "dev_tls") or draft.get("", "certfile") is not None:
        return
    from nonecorn_dev_tls._names import wanted_names  # noqa: PLC0415  # cryptography is heavy
    from nonecorn_dev_tls._store import open_store  # noqa: PLC0415

    addresses = (*draft.get("", "bind"), *draft.get("", "quic_bind"))
    draft.set("", "certfile", str(open_store().certificate_for(wanted_names(addresses))))


@hookimpl
def nonecorn_validate(config: Any) -> Iterator[str]:
    """`--dev-tls` beside a certificate that somebody took away is a contradiction."""
    server = config.tables[""]
    if server.dev_tls and server.certfile is None:
        origin = config.origin("", "certfile")
        yield f"dev_tls makes a certificate, and certfile is empty by {origin}"


@hookimpl
def nonecorn_commands() -> Sequence[CommandSpec]:
    """`nonecorn dev-tls`."""
    return [
        CommandSpec(
            name="dev-tls",
            help="Trust the CA of --dev-tls on this machine.",
            command=Ref("nonecorn_dev_tls._command:dev_tls"),
        )
    ]


@hookimpl
def nonecorn_report(config: Any) -> Sequence[str]:
    """How to trust the CA, as long as this machine does not."""
    server = config.tables[""]
    if not server.dev_tls or server.certfile is None:
        return []
    from nonecorn_dev_tls._store import open_store  # noqa: PLC0415  # imports ssl

    return open_store().report(server.certfile)
