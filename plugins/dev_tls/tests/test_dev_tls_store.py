"""The CA and its certificate: made once, renewed in time, and for nobody else's eyes."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import ssl
import stat
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from nonecorn.spi import ConfigError, StartupError
from nonecorn_dev_tls._authority import CA_DAYS, LEAF_DAYS, RENEW_DAYS, issued_by, names_of
from nonecorn_dev_tls._names import Names, wanted_names
from nonecorn_dev_tls._paths import data_directory
from nonecorn_dev_tls._store import Store
from nonecorn_dev_tls._trust import is_trusted

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)


def named(*hosts: str, at: str = "127.0.0.1") -> Names:
    return Names(hosts=frozenset(hosts), addresses=frozenset({ip_address(at)}))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "dev-tls")


def leaf_of(store: Store) -> x509.Certificate:
    found = store.certificate()
    assert found is not None
    return found


def ca_of(store: Store) -> x509.Certificate:
    found = store.authority()
    assert found is not None
    return found


def test_nothing_is_there_before_it_is_asked_for(store: Store) -> None:
    assert store.authority() is None
    assert store.certificate() is None
    assert not store.directory.exists()


def test_the_certificate_is_for_the_names_and_of_the_ca(store: Store) -> None:
    store.certificate_for(named("localhost", "my.test"))
    assert names_of(leaf_of(store)) == named("localhost", "my.test")
    assert issued_by(leaf_of(store), ca_of(store))


@pytest.mark.skipif(sys.platform == "win32", reason="there a directory of the user's protects them")
def test_keys_are_for_their_owner_only(store: Store) -> None:
    file = store.certificate_for(named("localhost"))
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((store.directory / "ca.key").stat().st_mode) == 0o600
    assert {path.name for path in store.directory.iterdir()} == {
        "ca.key", "ca.pem", "lock", "server.pem",
    }  # fmt: skip


def test_python_and_openssl_accept_the_chain_strictly(store: Store) -> None:
    file = store.certificate_for(named("localhost"))
    client = ssl.create_default_context(cafile=store.ca_file)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    asking = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for side in (asking, answering, asking, answering):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert asking.version() == "TLSv1.3"


def test_a_second_start_changes_nothing(store: Store) -> None:
    file = store.certificate_for(named("localhost"))
    before = file.read_bytes(), store.ca_file.read_bytes()
    assert store.certificate_for(named("localhost"), NOW + DAY) == file
    assert (file.read_bytes(), store.ca_file.read_bytes()) == before


def test_a_new_name_gets_a_new_certificate_of_the_same_ca_and_the_old_names_stay(
    store: Store,
) -> None:
    store.certificate_for(named("localhost", "a.test"))
    ca = ca_of(store)
    store.certificate_for(named("localhost", "b.test"))
    assert ca_of(store) == ca
    assert names_of(leaf_of(store)).hosts == {"localhost", "a.test", "b.test"}
    both = leaf_of(store)
    store.certificate_for(named("localhost", "a.test"))  # the first server again: no change
    assert leaf_of(store) == both


def test_a_new_address_takes_the_place_of_the_old_one(store: Store) -> None:
    store.certificate_for(named("localhost", at="192.168.1.5"))
    store.certificate_for(named("localhost", at="10.0.0.7"))
    assert names_of(leaf_of(store)).addresses == {ip_address("10.0.0.7")}


def test_a_certificate_that_ends_soon_is_renewed_and_the_ca_stays(store: Store) -> None:
    store.certificate_for(named("localhost"), NOW)
    first, ca = leaf_of(store), ca_of(store)
    store.certificate_for(named("localhost"), NOW + (LEAF_DAYS - RENEW_DAYS - 1) * DAY)
    assert leaf_of(store) == first
    later = NOW + (LEAF_DAYS - RENEW_DAYS + 1) * DAY
    store.certificate_for(named("localhost"), later)
    assert leaf_of(store).not_valid_after_utc == later + LEAF_DAYS * DAY
    assert ca_of(store) == ca


def test_a_ca_that_ends_soon_is_made_anew(store: Store) -> None:
    store.certificate_for(named("localhost"), NOW)
    before = ca_of(store)
    store.certificate_for(named("localhost"), NOW + (CA_DAYS - RENEW_DAYS + 1) * DAY)
    assert ca_of(store) != before
    assert issued_by(leaf_of(store), ca_of(store))


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem"])
@pytest.mark.parametrize("damage", ["missing", "empty", "other"])
def test_damaged_files_are_made_anew_where_they_are_needed(
    store: Store, tmp_path: Path, name: str, damage: str
) -> None:
    store.certificate_for(named("localhost"))
    file = store.directory / name
    if damage == "missing":
        file.unlink()
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        other = Store(tmp_path / "other")
        other.certificate_for(named("localhost"))
        file.write_bytes((other.directory / name).read_bytes())
    found = store.certificate_for(named("localhost", "more.test"))
    assert issued_by(leaf_of(store), ca_of(store))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(found)


def test_servers_that_start_at_once_make_one_ca(store: Store) -> None:
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(4) as pool:
        files = pool.map(_start, [(str(store.directory), f"{n}.test") for n in range(8)])
    assert len({ca for ca, _ in files}) == 1
    assert issued_by(leaf_of(store), ca_of(store))
    assert names_of(leaf_of(store)).hosts == {f"{n}.test" for n in range(8)}


def _start(task: tuple[str, str]) -> tuple[bytes, str]:
    directory, host = task
    store = Store(Path(directory))
    file = store.certificate_for(named(host))
    return store.ca_file.read_bytes(), str(file)


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=r"dev_tls: .*/file.* cannot be used: "):
        Store(tmp_path / "file" / "dev-tls").certificate_for(named("localhost"))


def test_a_ca_that_nobody_knows_is_not_trusted_and_that_is_reported(store: Store) -> None:
    file = store.certificate_for(named("localhost"))
    assert not is_trusted(file)
    (line,) = store.report(str(file))
    assert "nonecorn dev-tls trust" in line
    assert store.report("/somewhere/else.pem") == []


def test_a_trusted_ca_is_nothing_to_report(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    file = store.certificate_for(named("localhost"))
    monkeypatch.setenv("SSL_CERT_FILE", str(store.ca_file))  # OpenSSL's default, by its own rule
    assert is_trusted(file)
    assert store.report(str(file)) == []


def test_the_repr_says_where(store: Store) -> None:
    assert repr(store) == f"<Store {store.directory}>"


# Names --------------------------------------------------------------------------------------------


def test_this_machine_is_asked_for_by_its_own_names() -> None:
    found = wanted_names()
    assert "localhost" in found.hosts
    assert {ip_address("127.0.0.1"), ip_address("::1")} <= found.addresses


@pytest.mark.parametrize(
    ("bind", "hosts", "addresses"),
    [
        ("My.Test:8443", {"my.test"}, set()),
        ("my.test", {"my.test"}, set()),
        ("192.168.7.7:443", set(), {"192.168.7.7"}),
        ("[fd00::7]:443", set(), {"fd00::7"}),
        ("[fe80::1%eth0]:443", set(), {"fe80::1"}),
        ("0.0.0.0:443", set(), set()),
        ("[::]:443", set(), set()),
        (":8443", set(), set()),
        ("unix:/tmp/a.sock", set(), set()),
        ("unix:a", set(), set()),
        ("fd://3", set(), set()),
        ("-bad-.test:1", set(), set()),
        ("ünicode.test:1", set(), set()),
        ("a" * 64 + ".test:1", set(), set()),
    ],
)
def test_what_is_bound_is_asked_for(bind: str, hosts: set[str], addresses: set[str]) -> None:
    base, found = wanted_names(), wanted_names([bind])
    assert found.hosts - base.hosts == hosts - base.hosts
    assert found.addresses - base.addresses == set(map(ip_address, addresses)) - base.addresses


# Places -------------------------------------------------------------------------------------------


def test_each_platform_has_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    end = Path("nonecorn") / "dev-tls"
    assert data_directory({}, "linux") == tmp_path / ".local/share" / end
    assert data_directory({"XDG_DATA_HOME": "/data"}, "linux") == Path("/data") / end
    assert data_directory({"XDG_DATA_HOME": "relative"}, "linux") == tmp_path / ".local/share" / end
    assert data_directory({}, "darwin") == tmp_path / "Library/Application Support" / end
    assert data_directory({"LOCALAPPDATA": "/local"}, "win32") == Path("/local") / end
    assert data_directory({}, "win32") == tmp_path / "AppData/Local" / end


def test_a_user_without_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        message = "Could not determine home directory."
        raise RuntimeError(message)

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigError, match="set XDG_DATA_HOME"):
        data_directory({}, "linux")
