"""The address by which others in the local network reach this machine."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from pathlib import Path

import pytest

from nonecorn_dev_tls._names import wanted_names

_UP_AND_GATEWAY = 0x3
_SIOCGIFADDR = 0x8915


def default_interface() -> str | None:
    """Where packets to the rest of the world leave; None where they do not."""
    lines = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    routes = [line.split() for line in lines]
    found = [
        (int(metric), name)
        for name, destination, _, flags, _, _, metric, mask, *_ in routes
        if int(flags, 16) & _UP_AND_GATEWAY == _UP_AND_GATEWAY
        and int(destination, 16) == int(mask, 16) == 0
    ]
    return min(found)[1] if found else None


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says it in a file")
def test_the_certificate_is_for_the_address_in_the_local_network_too() -> None:
    interface = default_interface()
    if interface is None:
        pytest.skip("this machine has no way to a network")
    import fcntl  # not on Windows

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("256s", interface.encode())
        answer = fcntl.ioctl(sock, _SIOCGIFADDR, request)
    assert ipaddress.IPv4Address(answer[20:24]) in wanted_names().addresses
