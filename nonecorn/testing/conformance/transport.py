"""The rules for transports: subclass `TransportConformance` and name the binder.

class TestMyTransport(TransportConformance):
bind = staticmethod(bind)

def address(self, tmp_path: Path) -> str:
return f"my:{tmp_path}/socket"
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from nonecorn.config.schema import ServerSettings
from nonecorn.spi import Binder, BindError, BindRequest, Bound, ConfigError, Kind

__all__ = ["TransportConformance"]


class TransportConformance:
    """Every rule for a transport.

    Attributes:
        bind: The binder.
        kind: What its sockets carry.
        bad: Bind strings with its prefix that are not of its form.
        shareable: One address may be bound twice (an inherited descriptor, for example).
    """

    bind: Binder
    kind = Kind.STREAM
    bad: Sequence[str] = ()
    shareable = False

    def address(self, tmp_path: Path) -> str:
        """A bind string that is free; port 0 where there are ports."""
        message = "a subclass gives an address: def address(self, tmp_path)"
        raise AssertionError(message)

    def again(self, address: str, bound: Bound) -> str:
        """A bind string for the address that `bound` has taken."""
        return address if not address.endswith(":0") else bound.display

    @pytest.fixture
    def bound(self, tmp_path: Path) -> Iterator[list[Bound]]:
        """What the binder made of `address`."""
        self.bound_address = self.address(tmp_path)
        sockets = self.open(self.bound_address)
        yield sockets
        self.close(sockets)

    def open(self, address: str, **options: Any) -> list[Bound]:
        """Bind."""
        request = BindRequest(address=address, backlog=5, options=ServerSettings(**options))
        return self.bind(request)

    def close(self, sockets: list[Bound]) -> None:
        """Close and clean up, as the kernel does."""
        for each in sockets:
            each.sock.close()
            if each.unlink:
                Path(each.unlink).unlink(missing_ok=True)

    def test_t01_sockets_are_ready_for_a_loop(self, bound: list[Bound]) -> None:
        """T1. There is at least one socket; each is non-blocking, not inherited, and listens."""
        assert bound
        for each in bound:
            assert each.sock.getblocking() is False
            assert each.sock.get_inheritable() is False
            if self.kind is Kind.STREAM and hasattr(socket, "SO_ACCEPTCONN"):
                assert each.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

    def test_t02_clients_can_connect(self, bound: list[Bound]) -> None:
        """T2. A client that connects to the socket's own name is let in."""
        if self.kind is not Kind.STREAM:
            pytest.skip("datagrams have no connections")
        sock = bound[0].sock
        with socket.socket(sock.family, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(sock.getsockname())

    def test_t03_the_address_shown_is_the_real_one(self, bound: list[Bound]) -> None:
        """T3. `display` is one line, with the port that the system chose where 0 was asked for."""
        for each in bound:
            assert each.display
            assert "\n" not in each.display
            assert not each.display.endswith(":0")
            name = each.sock.getsockname()
            if isinstance(name, tuple) and "://" not in each.display:
                assert each.display.endswith(f":{name[1]}")

    def test_t04_an_address_in_use_is_refused(self, bound: list[Bound]) -> None:
        """T4. An address that somebody listens on is a `BindError` of one line that names it."""
        if self.shareable:
            pytest.skip("this transport's addresses can be bound twice: shareable = True")
        address = self.again(self.bound_address, bound[0])
        with pytest.raises(BindError) as raised:
            self.close(self.open(address))
        text = str(raised.value)
        assert "\n" not in text
        assert address in text

    def test_t05_a_bad_address_is_refused(self) -> None:
        """T5. A string that is not of this transport's form is a `ConfigError` that shows it."""
        for address in self.bad:
            with pytest.raises(ConfigError) as raised:
                self.close(self.open(address))
            assert address in str(raised.value), address

    def test_t06_the_address_is_free_again(self, tmp_path: Path) -> None:
        """T6. Once sockets are closed, and `unlink` is removed, the address can be bound again."""
        address = self.address(tmp_path)
        first = self.open(address)
        address = self.again(address, first[0])
        self.close(first)
        self.close(self.open(address))
