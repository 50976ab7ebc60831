"""Inherited listeners, with real descriptors."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from nonecorn.builtin.sockets import fd
from nonecorn.spi import BindError, BindRequest, Bound, ConfigError

posix = pytest.mark.skipif(sys.platform == "win32", reason="only POSIX has sockets among its files")


def bind(descriptor: int) -> Bound:
    (bound,) = fd.bind(BindRequest(address=f"fd://{descriptor}", backlog=4))
    return bound


def test_a_listener_is_taken_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.set_inheritable(True)
        bound = bind(listener.detach())
    with bound.sock, socket.create_connection(("127.0.0.1", port), timeout=5):
        assert bound.display == f"127.0.0.1:{port}"
        assert bound.sock.family == socket.AF_INET
        assert bound.sock.getblocking() is False
        assert bound.sock.get_inheritable() is False
        assert bound.unlink == ""


def test_a_bound_socket_is_made_to_listen() -> None:
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        port = plain.getsockname()[1]
        bound = bind(plain.detach())
    with bound.sock, socket.create_connection(("127.0.0.1", port), timeout=5):
        pass


@posix
def test_a_unix_listener_is_recognised_and_its_file_stays_its_owners(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "app.sock"))
        bound = bind(listener.detach())
    with bound.sock:
        assert bound.sock.family == socket.AF_UNIX
        assert bound.display == f"unix:{tmp_path}/app.sock"
        assert bound.unlink == ""


def test_a_datagram_socket_is_refused_and_stays_open() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(BindError, match="no stream socket"):
            bind(sock.fileno())
        assert sock.getsockname()[1] > 0


def test_an_accepted_connection_is_refused() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), timeout=5) as client,
    ):
        with pytest.raises(BindError, match="accepted connection"):
            bind(client.fileno())
        assert client.getpeername() == listener.getsockname()


def test_an_unbound_socket_is_refused() -> None:
    with socket.socket() as sock, pytest.raises(BindError, match="not bound to an address"):
        bind(sock.fileno())


@posix
def test_a_closed_descriptor_is_told(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    os.close(descriptor)
    with pytest.raises(BindError, match=f"fd://{descriptor}: it is not open"):
        bind(descriptor)


@posix
def test_a_file_is_refused_and_stays_open(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        with pytest.raises(BindError, match="is no socket"):
            bind(file.fileno())
        file.write(b"still open")


@pytest.mark.parametrize("address", ["fd://", "fd://x", "fd://-1", "fd://1.5", "fd://٣"])
def test_another_form_is_a_configuration_error(address: str) -> None:
    with pytest.raises(ConfigError, match="write fd://N"):
        fd.bind(BindRequest(address=address, backlog=4))
