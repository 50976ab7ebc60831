"""The files of the CA and of the certificate that servers on this machine share.

    ca.pem       the CA's certificate: what is trusted
    ca.key       its key: whoever has it can pretend to be any site to who trusts the CA
    server.pem   key and certificate of the servers, in one file so that they never part
    lock         held while files are made

Each is written beside its place and then put there at once: a running server that watches its
certificate never reads half of one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from nonecorn.spi import StartupError
from nonecorn_dev_tls._authority import Authority, issued_by, lasts, names_of, pem_of
from nonecorn_dev_tls._lock import locked
from nonecorn_dev_tls._names import Names
from nonecorn_dev_tls._paths import data_directory


class Store:
    """A directory with a CA.

    Args:
        directory: It is made when it is needed.

    Attributes:
        directory: Where it is.
        ca_file: The CA's certificate.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca_file = directory / "ca.pem"
        self._ca_key = directory / "ca.key"
        self._server = directory / "server.pem"
        self._lock = directory / "lock"

    def certificate_for(self, names: Names, now: dt.datetime | None = None) -> Path:
        """The file with key and certificate, made anew where that of the last time will not do.

        Names that earlier calls asked for stay: servers with different ones share the file.

        Args:
            names: What it must be good for.
            now: The present; another time in tests.

        Raises:
            StartupError: The directory cannot be used.
        """
        when = dt.datetime.now(dt.UTC) if now is None else now
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(self._lock):
                self._renew(names, when)
        except OSError as error:
            problem = (error.strerror or str(error)).lower()
            message = f"dev_tls: {error.filename or self.directory} cannot be used: {problem}"
            raise StartupError(message) from error
        return self._server

    def authority(self) -> x509.Certificate | None:
        """The CA's certificate; None before it is made."""
        return _certificate(_read(self.ca_file))

    def certificate(self) -> x509.Certificate | None:
        """The servers' certificate; None before it is made."""
        return _certificate(_read(self._server))

    def report(self, certfile: str) -> list[str]:
        """What to tell who starts a server with `certfile`."""
        from nonecorn_dev_tls._trust import is_trusted  # noqa: PLC0415  # imports ssl

        if Path(certfile) != self._server or is_trusted(self._server):
            return []
        return ["dev TLS: browsers warn until they trust its CA: run 'nonecorn dev-tls trust'"]

    def _renew(self, names: Names, now: dt.datetime) -> None:
        authority = self.authority()
        present = self.certificate()
        if authority is not None and present is not None:
            good = lasts(authority, now) and lasts(present, now) and issued_by(present, authority)
            if good and names_of(present).covers(names):
                return
        hosts = names.hosts if present is None else names.hosts | names_of(present).hosts
        signer = self._authority(now)
        certificate, key = signer.issue(Names(hosts=hosts, addresses=names.addresses), now)
        _write(self._server, key + _pem(certificate), 0o600)

    def _authority(self, now: dt.datetime) -> Authority:
        found = Authority.load(_read(self.ca_file), _read(self._ca_key))
        if found is not None and lasts(found.certificate, now):
            return found
        made = Authority.create(now)
        _write(self._ca_key, pem_of(made.key), 0o600)
        _write(self.ca_file, _pem(made.certificate), 0o644)
        return made

    def __repr__(self) -> str:
        return f"<Store {self.directory}>"


def open_store() -> Store:
    """The user's.

    Raises:
        ConfigError: The user has no home directory.
    """
    return Store(data_directory())


def _certificate(pem: bytes) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _write(path: Path, data: bytes, mode: int) -> None:
    """Put a file in its place at once, never readable by more than `mode` says."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(file, "wb") as stream:  # noqa: PTH123  # of a descriptor
            stream.write(data)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
