"""Who trusts the CA on this machine: commands of the platform's own tools that change it.

| platform | trusts | by |
|---|---|---|
| Linux, BSD | system: curl, Python, Go | the distribution's directory of CAs, and its tool |
| Linux, BSD | Chromium and Firefox, which have stores of their own | certutil of NSS |
| macOS | Safari, Chrome, curl | security, in the user's keychain |
| Windows | Edge, Chrome, curl | certutil, in the user's store |
"""

from __future__ import annotations

import os
import shutil
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NICKNAME = "nonecorn-dev-ca"

_KEYCHAIN = "this user's keychain"
_WINDOWS = "this user's certificates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command.

    Attributes:
        what: Who trusts the CA after it, or not any more.
        command: Program and arguments; empty where `what` says what is missing.
    """

    what: str
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anchors:
    """Where a Linux distribution keeps CAs of the machine's owner.

    Attributes:
        directory: Put a file here, …
        suffix: … with this ending, …
        update: … and run this …
        clean: … or this, where the file was taken away and `update` would not notice.
    """

    directory: str
    suffix: str
    update: tuple[str, ...]
    clean: tuple[str, ...] = ()


_ANCHORS = (
    _Anchors(  # Debian, Ubuntu, Alpine
        directory="/usr/local/share/ca-certificates",
        suffix=".crt",
        update=("update-ca-certificates",),
        clean=("update-ca-certificates", "--fresh"),
    ),
    _Anchors(  # Fedora, RHEL
        directory="/etc/pki/ca-trust/source/anchors",
        suffix=".pem",
        update=("update-ca-trust", "extract"),
    ),
    _Anchors(  # Arch
        directory="/etc/ca-certificates/trust-source/anchors",
        suffix=".crt",
        update=("trust", "extract-compat"),
    ),
    _Anchors(  # openSUSE
        directory="/etc/pki/trust/anchors",
        suffix=".pem",
        update=("update-ca-certificates",),
    ),
    _Anchors(  # FreeBSD
        directory="/usr/local/etc/ssl/certs",
        suffix=".pem",
        update=("certctl", "rehash"),
    ),
)

_NSS = (
    ".pki/nssdb",
    ".mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    "snap/chromium/current/.pki/nssdb",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
)
"""Directories with databases of NSS, relative to the home directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Whose trust is changed.

    Attributes:
        home: The user's directory.
        root: Where the system's directories begin.
        platform: As `sys.platform`.
        is_root: Commands for the system need no sudo.
    """

    home: Path
    root: Path = Path("/")
    platform: str = sys.platform
    is_root: bool = False

    @classmethod
    def this(cls) -> Machine:
        """The one that we run on."""
        geteuid = getattr(os, "geteuid", None)
        return cls(home=Path.home(), is_root=geteuid is not None and geteuid() == 0)

    def trust(self, ca_file: Path) -> Iterator[Step]:
        """Commands after which the CA is trusted."""
        file = str(ca_file)
        if self.platform == "darwin":
            options = ("-r", "trustRoot", "-k", self._keychain())
            yield Step(what=_KEYCHAIN, command=("security", "add-trusted-cert", *options, file))
            return
        if self.platform == "win32":
            options = ("-user", "-addstore", "Root", file)
            yield Step(what=_WINDOWS, command=("certutil.exe", *options))
            return
        found = self._anchors()
        if found is None:
            yield Step(what="this system keeps its CAs where nonecorn does not know")
        else:
            sudo = () if self.is_root else ("sudo",)
            place = str(Path(found.directory) / f"{NICKNAME}{found.suffix}")
            yield Step(what="the system", command=(*sudo, "install", "-m", "644", file, place))
            yield Step(what="the system", command=(*sudo, *found.update))
        add = ("-A", "-t", "C,,", "-n", NICKNAME, "-i", file)
        yield from self._browsers(add)

    def untrust(self, ca_file: Path) -> Iterator[Step]:
        """Commands after which it is not trusted any more."""
        if self.platform == "darwin":
            command = ("security", "remove-trusted-cert", str(ca_file))
            yield Step(what=_KEYCHAIN, command=command)
            return
        if self.platform == "win32":
            options = ("-user", "-delstore", "Root", _sha1(ca_file))
            yield Step(what=_WINDOWS, command=("certutil.exe", *options))
            return
        found = self._anchors()
        if found is not None:
            sudo = () if self.is_root else ("sudo",)
            place = str(Path(found.directory) / f"{NICKNAME}{found.suffix}")
            yield Step(what="the system", command=(*sudo, "rm", "-f", place))
            yield Step(what="the system", command=(*sudo, *(found.clean or found.update)))
        yield from self._browsers(("-D", "-n", NICKNAME))

    def _keychain(self) -> str:
        return str(self.home / "Library" / "Keychains" / "login.keychain-db")

    def _anchors(self) -> _Anchors | None:
        for anchors in _ANCHORS:
            if (self.root / anchors.directory.lstrip("/")).is_dir():
                return anchors
        return None

    def _browsers(self, arguments: tuple[str, ...]) -> Iterator[Step]:
        databases = sorted(
            found.parent for pattern in _NSS for found in self.home.glob(f"{pattern}/cert9.db")
        )
        if databases and shutil.which("certutil") is None:
            yield Step(what="for browsers, install certutil (libnss3-tools, nss-tools) and repeat")
            return
        for database in databases:
            what = f"browsers that use {database}"
            yield Step(what=what, command=("certutil", "-d", f"sql:{database}", *arguments))


def is_trusted(server_file: Path) -> bool:
    """Whether Python's defaults, which are the system's on Linux and Windows, trust a certificate.

    A client and a server shake hands in memory: that is the one question that all platforms answer.
    """
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        served.load_cert_chain(server_file)
        server = served.wrap_bio(to_server, to_client, server_side=True)
        client = ssl.create_default_context().wrap_bio(
            to_client, to_server, server_hostname="localhost"
        )
        for side in (client, server, client):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    except OSError:  # SSLError is one
        return False
    return True


def _sha1(ca_file: Path) -> str:
    """By which Windows knows a certificate."""
    import hashlib  # noqa: PLC0415

    der = ssl.PEM_cert_to_DER_cert(ca_file.read_text(encoding="ascii"))
    return hashlib.sha1(der, usedforsecurity=False).hexdigest()
