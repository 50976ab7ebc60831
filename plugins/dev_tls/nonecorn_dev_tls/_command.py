"""`nonecorn dev-tls trust | untrust | show`."""

from __future__ import annotations

import base64
import hashlib
import shlex
import subprocess
from collections.abc import Iterable

import click
from cryptography.hazmat.primitives import serialization

from nonecorn_dev_tls._authority import names_of
from nonecorn_dev_tls._names import wanted_names
from nonecorn_dev_tls._store import open_store
from nonecorn_dev_tls._trust import Machine, Step


def _trust(*, only_print: bool) -> None:
    store = open_store()
    if store.authority() is None or store.certificate() is None:
        store.certificate_for(wanted_names())
    _do(Machine.this().trust(store.ca_file), only_print=only_print)
    click.echo("Programs with a list of CAs of their own (Node.js, Java, certifi) want this file:")
    click.echo(f"  {store.ca_file}")


def _untrust(*, only_print: bool) -> None:
    store = open_store()
    if store.authority() is None:
        message = f"There is no CA in {store.directory}."
        raise click.ClickException(message)
    _do(Machine.this().untrust(store.ca_file), only_print=only_print)


def _show() -> None:
    store = open_store()
    authority, certificate = store.authority(), store.certificate()
    if authority is None or certificate is None:
        message = f"There is no CA in {store.directory} yet: 'serve --dev-tls' makes one."
        raise click.ClickException(message)
    names = names_of(certificate)
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pin = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    rows = [
        ("CA", str(store.ca_file)),
        ("until", f"{authority.not_valid_after_utc:%Y-%m-%d}"),
        ("hosts", " ".join(sorted(names.hosts))),
        ("addresses", " ".join(sorted(map(str, names.addresses)))),
        ("until", f"{certificate.not_valid_after_utc:%Y-%m-%d}"),
        ("Chromium", f"--ignore-certificate-errors-spki-list={pin}"),
    ]
    for title, text in rows:
        click.echo(f"{title:<10} {text}")


def _do(steps: Iterable[Step], *, only_print: bool) -> None:
    """Run commands, each of them shown before, or only show them.

    Raises:
        click.ClickException: One failed.
    """
    failed = False
    for step in steps:
        if not step.command:
            click.echo(f"# {step.what}")
            continue
        line = shlex.join(step.command)
        if only_print:
            click.echo(f"{line}  # {step.what}")
            continue
        click.echo(f"$ {line}")
        try:
            code = subprocess.run(step.command, check=False).returncode  # noqa: S603  # ours
        except OSError as error:
            click.echo(f"  {error.strerror or error}", err=True)
            code = 127
        failed = failed or code != 0
    if failed:
        message = "Not every command did its work: see above."
        raise click.ClickException(message)


_PRINT = ["only_print", "--print"]

dev_tls = click.Group(
    "dev-tls",
    help="The CA of 'serve --dev-tls', and who trusts it on this machine.",
    commands=[
        click.Command(
            "trust",
            callback=_trust,
            params=[click.Option(_PRINT, is_flag=True, help="Only print the commands.")],
            help="Let this system and its browsers trust the CA. Each command is shown.",
        ),
        click.Command(
            "untrust",
            callback=_untrust,
            params=[click.Option(_PRINT, is_flag=True, help="Only print the commands.")],
            help="Undo 'trust'.",
        ),
        click.Command("show", callback=_show, help="Show where the CA is and what it signed."),
    ],
)
