"""The commands that change whom a machine trusts."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn_dev_tls._names import Names
from nonecorn_dev_tls._store import Store
from nonecorn_dev_tls._trust import Machine

CA = Path("/data/ca.pem")


class TestDevTlsDescriptor(DescriptorConformance):
    module = "nonecorn_dev_tls.plugin"
    name = "dev_tls"


def lines(steps) -> list[str]:
    return [" ".join(step.command) or f"# {step.what}" for step in steps]


def machine(tmp_path: Path, anchors: str = "", **more) -> Machine:
    home, root = tmp_path / "home", tmp_path / "root"
    home.mkdir(exist_ok=True)
    root.mkdir(exist_ok=True)
    if anchors:
        (root / anchors.lstrip("/")).mkdir(parents=True)
    return Machine(home=home, root=root, **{"platform": "linux", **more})


@pytest.mark.parametrize(
    ("anchors", "file", "update", "clean"),
    [
        (
            "/usr/local/share/ca-certificates", "nonecorn-dev-ca.crt",
            "update-ca-certificates", "update-ca-certificates --fresh",
        ),
        (
            "/etc/pki/ca-trust/source/anchors", "nonecorn-dev-ca.pem",
            "update-ca-trust extract", "update-ca-trust extract",
        ),
        (
            "/etc/ca-certificates/trust-source/anchors", "nonecorn-dev-ca.crt",
            "trust extract-compat", "trust extract-compat",
        ),
        (
            "/etc/pki/trust/anchors", "nonecorn-dev-ca.pem",
            "update-ca-certificates", "update-ca-certificates",
        ),
        (
            "/usr/local/etc/ssl/certs", "nonecorn-dev-ca.pem",
            "certctl rehash", "certctl rehash",
        ),
    ],
)  # fmt: skip
def test_each_distribution_has_its_own_tool(tmp_path, anchors, file, update, clean):
    here = machine(tmp_path, anchors)
    assert lines(here.trust(CA)) == [
        f"sudo install -m 644 {CA} {anchors}/{file}",
        f"sudo {update}",
    ]
    assert lines(here.untrust(CA)) == [f"sudo rm -f {anchors}/{file}", f"sudo {clean}"]


def test_root_needs_no_sudo(tmp_path):
    here = machine(tmp_path, "/usr/local/share/ca-certificates", is_root=True)
    assert not any("sudo" in line for line in [*lines(here.trust(CA)), *lines(here.untrust(CA))])


def test_a_system_that_is_not_known_is_told(tmp_path):
    assert lines(machine(tmp_path).trust(CA)) == [
        "# this system keeps its CAs where nonecorn does not know"
    ]


def test_macos_keeps_it_in_the_users_keychain(tmp_path):
    here = machine(tmp_path, platform="darwin")
    keychain = here.home / "Library/Keychains/login.keychain-db"
    assert lines(here.trust(CA)) == [f"security add-trusted-cert -r trustRoot -k {keychain} {CA}"]
    assert lines(here.untrust(CA)) == [f"security remove-trusted-cert {CA}"]


def test_windows_keeps_it_in_the_users_store(tmp_path):
    here = machine(tmp_path, platform="win32")
    assert lines(here.trust(CA)) == [f"certutil.exe -user -addstore Root {CA}"]
    store = Store(tmp_path)
    store.certificate_for(
        Names(hosts=frozenset({"localhost"}), addresses=frozenset({ip_address("::1")}))
    )
    (line,) = lines(here.untrust(store.ca_file))
    assert len(line.removeprefix("certutil.exe -user -delstore Root ")) == 40


@pytest.fixture
def browsers(tmp_path, monkeypatch):
    """A home with two databases of NSS, and a certutil that is on the path."""
    here = machine(tmp_path)
    for place in (".pki/nssdb", ".mozilla/firefox/abc.default"):
        (here.home / place).mkdir(parents=True)
        (here.home / place / "cert9.db").touch()
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    return here, tools / "certutil"


def test_browsers_with_their_own_store_are_told_by_certutil(browsers):
    here, tool = browsers
    tool.write_text("")
    tool.chmod(0o755)
    _, *found = lines(here.trust(CA))
    assert found == [
        f"certutil -d sql:{here.home}/{place} -A -t C,, -n nonecorn-dev-ca -i {CA}"
        for place in (".mozilla/firefox/abc.default", ".pki/nssdb")
    ]
    assert lines(here.untrust(CA)) == [
        f"certutil -d sql:{here.home}/{place} -D -n nonecorn-dev-ca"
        for place in (".mozilla/firefox/abc.default", ".pki/nssdb")
    ]


def test_without_certutil_its_package_is_named(browsers):
    here, _ = browsers
    _, found = lines(here.trust(CA))
    assert found == "# for browsers, install certutil (libnss3-tools, nss-tools) and repeat"


# The command --------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `nonecorn dev-tls` with a home, and with the system's tools replaced on the path."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def _run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nonecorn", "dev-tls", *args],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    return _run


def test_show_tells_what_there_is(run, tmp_path):
    before = run("show")
    assert before.returncode == 1
    assert "There is no CA in" in before.stderr
    assert run("untrust", "--print").returncode == 1
    assert run("trust", "--print").returncode == 0
    shown = run("show").stdout
    assert str(tmp_path / "data/nonecorn/dev-tls/ca.pem") in shown
    assert "localhost" in shown
    assert "--ignore-certificate-errors-spki-list=" in shown


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the tools of Linux and BSD")
def test_trust_runs_each_command_and_shows_it(run, tmp_path, monkeypatch):
    tools, log = tmp_path / "bin", tmp_path / "log"
    tools.mkdir()
    database = tmp_path / "home/.pki/nssdb"
    database.mkdir(parents=True)
    (database / "cert9.db").touch()
    names = (
        "install", "rm", "sudo", "certutil", "update-ca-certificates", "update-ca-trust", "trust",
        "certctl",
    )  # fmt: skip
    for name in names:
        tool = tools / name
        tool.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n')
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    found = run("trust")
    assert found.returncode == 0, found.stderr
    done = [line.rstrip() for line in log.read_text().splitlines()]
    assert done[-1].startswith(f"certutil -d sql:{database} -A -t C,, -n nonecorn-dev-ca -i ")
    shown = [line[2:] for line in found.stdout.splitlines() if line.startswith("$ ")]
    assert shown == done
    (tools / "certutil").write_text("#!/bin/sh\nexit 3\n")
    failed = run("untrust")
    assert failed.returncode == 1
    assert "Not every command did its work" in failed.stderr
