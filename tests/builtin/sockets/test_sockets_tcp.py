"""TCP listeners, with real sockets on the loopback interface."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from nonecorn.builtin.sockets import tcp
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import BindError, BindRequest, Bound, ConfigError
from nonecorn.spi.bind_address import TCPAddress, parse
from nonecorn.spi.bind_failures import tcp_error


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")


needs_reuse_port = pytest.mark.skipif(
    not hasattr(socket, "SO_REUSEPORT"), reason="this platform has no SO_REUSEPORT"
)


class Binding:
    """Binds, and closes everything at the end."""

    def __init__(self) -> None:
        self.bound: list[Bound] = []

    def __call__(self, address: str, **request: Any) -> list[Bound]:
        bound = tcp.bind(BindRequest(address=address, backlog=16, **request))
        self.bound += bound
        return bound


@pytest.fixture
def bind() -> Iterator[Binding]:
    binding = Binding()
    yield binding
    for bound in binding.bound:
        bound.sock.close()


def port_of(bound: Bound) -> int:
    port: int = bound.sock.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:80", "::1", 80),
        ("[::1]", "::1", 8000),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        ("localhost", "localhost", 8000),
        (":65535", "", 65535),
        ("*", "", 8000),
        ("*:0", "", 0),
    ],
)
def test_bind_strings_are_read(text: str, host: str, port: int) -> None:
    assert parse(text) == TCPAddress(host=host, port=port)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "':8000'"),
        ("8000", "':8000'"),
        ("::1", "'[::1]:8000'"),
        ("fe80::1:8000", "brackets"),
        ("[::1", "[ADDRESS]:PORT"),
        ("[::1]8000", "[ADDRESS]:PORT"),
        ("[localhost]:80", "must be an IPv6 address"),
        ("localhost:", "0 to 65535"),
        ("localhost:http", "0 to 65535"),
        ("localhost:65536", "0 to 65535"),
        ("localhost:-1", "0 to 65535"),
        ("localhost: 80", "0 to 65535"),
        ("localhost:8_0", "0 to 65535"),
        ("localhost:٨٠", "0 to 65535"),
        ("http://localhost:8000", "HOST:PORT"),
    ],
)
def test_other_forms_are_errors_that_say_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_port_0_is_shown_as_the_port_that_the_system_chose(bind: Binding) -> None:
    (bound,) = bind("127.0.0.1:0")
    assert port_of(bound) > 0
    assert bound.display == f"127.0.0.1:{port_of(bound)}"
    assert bound.unlink == ""


def test_it_listens(bind: Binding) -> None:
    (bound,) = bind("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", port_of(bound)), timeout=5):
        pass


def test_sockets_are_neither_blocking_nor_inherited(bind: Binding) -> None:
    (bound,) = bind("127.0.0.1:0")
    assert bound.sock.getblocking() is False
    assert os.get_inheritable(bound.sock.fileno()) is False


def test_a_past_connection_does_not_hinder_a_restart(bind: Binding) -> None:
    (bound,) = bind("127.0.0.1:0")
    port = port_of(bound)
    bound.sock.setblocking(True)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        server, _ = bound.sock.accept()
        server.close()  # first to close: its side stays in TIME_WAIT
        assert client.recv(1) == b""
    bound.sock.close()
    assert port_of(bind(f"127.0.0.1:{port}")[0]) == port


@needs_ipv6
def test_no_host_serves_ipv4_and_ipv6_with_one_port(bind: Binding) -> None:
    bounds = bind(":0")
    assert {bound.sock.family for bound in bounds} == {socket.AF_INET, socket.AF_INET6}
    assert len({port_of(bound) for bound in bounds}) == 1
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, port_of(bounds[0])), timeout=5):
            pass
    assert {bound.display for bound in bounds} == {
        f"0.0.0.0:{port_of(bounds[0])}",
        f"[::]:{port_of(bounds[0])}",
    }


@needs_ipv6
def test_both_wildcards_can_be_bound_one_after_the_other(bind: Binding) -> None:
    (v6,) = bind("[::]:0")
    (v4,) = bind(f"0.0.0.0:{port_of(v6)}")
    assert port_of(v4) == port_of(v6)


def test_a_host_name_is_bound_at_each_of_its_addresses(bind: Binding) -> None:
    known = {info[4][0] for info in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    if not has_ipv6():
        known.discard("::1")
    bounds = bind("localhost:0")
    assert {bound.sock.getsockname()[0] for bound in bounds} == known
    assert len({port_of(bound) for bound in bounds}) == 1


def test_an_address_in_use_is_one_line_that_says_what_to_do(bind: Binding) -> None:
    (bound,) = bind("127.0.0.1:0")
    with pytest.raises(BindError) as caught:
        bind(bound.display)
    assert str(caught.value) == (
        f"cannot bind {bound.display}: another program listens there: "
        "choose another address with --bind, or stop it"
    )


def test_no_socket_stays_open_when_one_of_several_addresses_is_in_use(bind: Binding) -> None:
    # The wildcard binds IPv4 first; here its IPv6 half is taken.
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback address")
    for _ in range(20):
        (taken,) = bind("[::]:0")
        with pytest.raises(BindError, match="another program"):
            bind(f":{port_of(taken)}")
        with contextlib.suppress(BindError):  # somebody else has the IPv4 half of this one
            (free,) = bind(f"0.0.0.0:{port_of(taken)}")
            break
    assert port_of(free) == port_of(taken)


def test_an_address_of_another_machine_is_named_as_such(bind: Binding) -> None:
    with pytest.raises(BindError, match="no interface of this machine has that address"):
        bind("192.0.2.1:0")


def test_an_unknown_host_is_named(bind: Binding) -> None:
    with pytest.raises(BindError, match=r"the host 'no-such-host\.invalid' has no known address"):
        bind("no-such-host.invalid:0")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
        (errno.EMFILE, "too many open files"),
        (errno.EINVAL, "invalid argument"),
    ],
)
def test_every_refusal_is_one_line_that_names_the_address(code: int, text: str) -> None:
    message = str(tcp_error("127.0.0.1:80", OSError(code, "")))
    assert message.startswith("cannot bind 127.0.0.1:80: ")
    assert text in message
    assert "\n" not in message


# Options ------------------------------------------------------------------------------------------


def connection_of(bound: Bound) -> socket.socket:
    """The server's end of a new connection."""
    bound.sock.setblocking(True)
    with socket.create_connection(("127.0.0.1", port_of(bound)), timeout=5):
        return bound.sock.accept()[0]


def keeps_alive(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_silent_connections_are_asked_whether_they_are_there(bind: Binding) -> None:
    (bound,) = bind("127.0.0.1:0", options=ServerSettings(tcp_keep_alive=61))
    with connection_of(bound) as sock:
        assert keeps_alive(sock)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 61
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 15
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 4


def test_they_are_not_where_that_is_switched_off(bind: Binding) -> None:
    (bound,) = bind("127.0.0.1:0", options=ServerSettings(tcp_keep_alive=0))
    with connection_of(bound) as sock:
        assert not keeps_alive(sock)


@needs_reuse_port
def test_an_address_can_be_shared_with_other_servers(bind: Binding) -> None:
    options = ServerSettings(reuse_port="on")
    (one,) = bind("127.0.0.1:0", options=options, reuse_port=True)
    (two,) = bind(one.display, options=options, reuse_port=True)
    assert one.reuse_port
    assert two.display == one.display


@needs_reuse_port
def test_sockets_for_our_own_workers_do_not_join_another_servers(bind: Binding) -> None:
    options = ServerSettings(reuse_port="auto")
    (one,) = bind("127.0.0.1:0", options=options, reuse_port=True)
    with pytest.raises(BindError, match="another program listens there"):
        bind(one.display, options=options, reuse_port=True)


def test_an_address_is_not_shared_unless_that_is_wanted(bind: Binding) -> None:
    (bound,) = bind("127.0.0.1:0", options=ServerSettings())
    assert bound.reuse_port is False
    if hasattr(socket, "SO_REUSEPORT"):
        assert bound.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0
