"""Unix listeners, with real files."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nonecorn.builtin.sockets import unix
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import BindError, BindRequest, Bound, ConfigError

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no unix sockets here")
linux = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's own")
not_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away"
)

Bind = Callable[..., Bound]


@pytest.fixture
def bind() -> Iterator[Bind]:
    opened: list[Bound] = []

    def open_one(address: str, **settings: str) -> Bound:
        options = ServerSettings(**settings) if settings else None
        (bound,) = unix.bind(BindRequest(address=address, backlog=4, options=options))
        opened.append(bound)
        return bound

    yield open_one
    for bound in opened:
        bound.sock.close()


def connect(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(path)


def test_it_listens_and_names_the_file_to_remove(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    bound = bind(f"unix:{path}")
    connect(str(path))
    assert bound.display == f"unix:{path}"
    assert bound.unlink == str(path)
    assert bound.sock.getblocking() is False
    assert bound.sock.get_inheritable() is False


def test_a_relative_path_is_removed_from_wherever_the_server_ends(
    bind: Bind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bound = bind("unix:app.sock")
    assert bound.display == "unix:app.sock"
    assert bound.unlink == str(tmp_path / "app.sock")


def test_a_file_left_behind_is_replaced(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    bind(f"unix:{path}").sock.close()
    assert path.is_socket()
    bind(f"unix:{path}")
    connect(str(path))


def test_a_live_listener_is_left_alone(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    bind(f"unix:{path}")
    with pytest.raises(BindError, match="another program serves it"):
        bind(f"unix:{path}")
    connect(str(path))


def test_a_listener_whose_queue_is_full_is_left_alone(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    bind(f"unix:{path}")
    clients: list[socket.socket] = []
    try:
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            clients.append(client)
            if client.connect_ex(str(path)):
                break
        with pytest.raises(BindError, match="another program serves it"):
            bind(f"unix:{path}")
    finally:
        for client in clients:
            client.close()
    assert path.is_socket()


def test_a_file_that_is_no_socket_is_left_alone(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("precious")
    with pytest.raises(BindError, match="exists and is no socket"):
        bind(f"unix:{path}")
    assert path.read_text() == "precious"


def test_a_missing_directory_is_named(bind: Bind, tmp_path: Path) -> None:
    with pytest.raises(BindError, match="does not exist: create it") as caught:
        bind(f"unix:{tmp_path}/nowhere/app.sock")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_a_path_below_a_file_is_refused(bind: Bind, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BindError, match="is no directory"):
        bind(f"unix:{tmp_path}/file/app.sock")


@not_root
def test_a_directory_without_permission_is_named(bind: Bind, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BindError, match="no permission to create a file"):
        bind(f"unix:{tmp_path}/app.sock")


def test_a_path_that_is_too_long_is_told(bind: Bind, tmp_path: Path) -> None:
    with pytest.raises(BindError, match="bytes are more than the system allows"):
        bind(f"unix:{tmp_path}/{'x' * 120}")


@pytest.mark.parametrize("address", ["unix:", "unix:@", "unix:a\0b"])
def test_an_empty_or_unusable_path_is_a_configuration_error(bind: Bind, address: str) -> None:
    with pytest.raises(ConfigError, match="write unix:PATH"):
        bind(address)


@linux
def test_the_abstract_namespace_needs_no_file(bind: Bind, tmp_path: Path) -> None:
    name = f"@nonecorn-test-{os.getpid()}-{tmp_path.name}"
    bound = bind(f"unix:{name}")
    connect(f"\0{name[1:]}")
    assert bound.display == f"unix:{name}"
    assert bound.unlink == ""
    with pytest.raises(BindError, match="another program serves it"):
        bind(f"unix:{name}")


@pytest.mark.parametrize("mode", ["660", "0666", "0o600", "000"])
def test_a_file_has_the_mode_that_was_asked_for_whatever_the_umask(
    bind: Bind, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "app.sock"
    bind(f"unix:{path}", socket_mode=mode)
    assert path.stat().st_mode & 0o777 == int(mode, 8)


def test_a_file_belongs_to_the_group_that_was_asked_for(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    group = os.getegid()
    bind(f"unix:{path}", socket_group=str(group))
    assert path.stat().st_gid == group


@as_root
def test_root_may_give_a_file_away_by_name_and_number(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    bind(f"unix:{path}", socket_user="nobody", socket_group="12345")
    owner = path.stat()
    assert path.owner() == "nobody"
    assert owner.st_gid == 12345


@not_root
def test_others_may_not_and_leave_no_file(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with pytest.raises(BindError, match="only root may give a file to another user"):
        bind(f"unix:{path}", socket_user="0")
    assert not path.exists()


@pytest.mark.parametrize("setting", ["socket_user", "socket_group"])
def test_an_unknown_name_is_told_before_a_file_is_made(
    bind: Bind, tmp_path: Path, setting: str
) -> None:
    path = tmp_path / "app.sock"
    with pytest.raises(ConfigError, match=f"{setting}: this machine has no .* 'no-such-name'"):
        bind(f"unix:{path}", **{setting: "no-such-name"})
    assert not path.exists()
