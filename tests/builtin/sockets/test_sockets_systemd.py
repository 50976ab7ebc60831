"""Sockets that systemd opened, with real descriptors in a process of their own.

systemd's first descriptor is 3, which the process of a test run has other uses for.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nonecorn.builtin.sockets import systemd
from nonecorn.builtin.sockets.activation import PassedSocket, forget, passed
from nonecorn.spi import BindError, BindRequest

posix = pytest.mark.skipif(sys.platform == "win32", reason="systemd runs on Linux")

BINDS = """
import json, os, sys
from nonecorn.builtin.sockets import systemd
from nonecorn.spi import BindRequest, NonecornError
os.environ["LISTEN_PID"] = str(os.getpid())
found = []
for address in sys.argv[1:]:
    try:
        bounds = systemd.bind(BindRequest(address=address, backlog=8))
    except NonecornError as error:
        found.append(str(error))
    else:
        found.append([bound.display for bound in bounds])
print(json.dumps(found), flush=True)
os._exit(0)
"""


def environ(count: object = 1, names: str | None = None, pid: object = None) -> dict[str, str]:
    found = {"LISTEN_PID": str(pid or os.getpid()), "LISTEN_FDS": str(count)}
    return found if names is None else {**found, "LISTEN_FDNAMES": names}


def test_descriptors_follow_the_standard_streams_in_their_order() -> None:
    assert passed(environ(2, "web:admin")) == [
        PassedSocket(descriptor=3, name="web"),
        PassedSocket(descriptor=4, name="admin"),
    ]


def test_names_are_optional() -> None:
    assert passed(environ(1)) == [PassedSocket(descriptor=3, name="unknown")]
    assert [each.name for each in passed(environ(2, "web"))] == ["web", "unknown"]


@pytest.mark.parametrize(
    "variables", [{}, environ(pid=1), environ("x"), environ("-1"), environ(""), environ("99999")]
)
def test_what_is_meant_for_another_process_or_nobody_is_nothing(variables) -> None:
    assert passed(variables) == []


def test_the_variables_can_be_taken_away() -> None:
    variables = {**environ(1, "web"), "PATH": "/bin"}
    forget(variables)
    assert variables == {"PATH": "/bin"}
    forget(variables)


def test_nothing_passed_says_how_to_start_it() -> None:
    with pytest.raises(BindError, match=r"start the service by its \.socket unit"):
        systemd.bind(BindRequest(address="systemd:", backlog=1))


def bind_in_child(sockets: list[socket.socket], names: str, *addresses: str):
    """What each bind string gives in a process that got these sockets from 3 on."""

    def arrange() -> None:
        copies = [os.dup2(sock.fileno(), 20 + index) for index, sock in enumerate(sockets)]
        for index, copy in enumerate(copies):
            os.dup2(copy, 3 + index)

    done = subprocess.run(
        [sys.executable, "-c", BINDS, *addresses],
        env={**os.environ, "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": names},
        preexec_fn=arrange,
        close_fds=False,
        capture_output=True,
        check=True,
        timeout=30,
    )
    return json.loads(done.stdout)


@posix
def test_sockets_are_found_by_name_or_all_together(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as web,
        socket.socket(socket.AF_UNIX) as local,
        socket.create_server(("127.0.0.1", 0)) as second,
        socket.socket(type=socket.SOCK_DGRAM) as quic,
    ):
        local.bind(str(tmp_path / "s"))
        quic.bind(("127.0.0.1", 0))
        shown = [f"127.0.0.1:{sock.getsockname()[1]}" for sock in (web, second)]
        shown.insert(1, f"unix:{tmp_path / 's'}")
        sockets, names = [web, local, second, quic], "web:local:web:quic"
        by_name = [f"systemd:{name}" for name in ("web", "local", "quic", "other")]
        found = bind_in_child(sockets, names, *by_name)
        [together] = bind_in_child(sockets, names, "systemd:")
    assert found[0] == [shown[0], shown[2]]
    assert found[1] == [shown[1]]
    assert "it is no stream socket: a datagram socket serves QUIC" in found[2]
    assert found[3] == (
        "cannot serve systemd:other: systemd has passed no socket named 'other' "
        "(names: local, quic, web)"
    )
    assert together == shown


@posix
def test_datagram_sockets_alone_serve_no_streams() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as quic:
        quic.bind(("127.0.0.1", 0))
        [found] = bind_in_child([quic], "quic", "systemd:")
    assert "datagram sockets only (names: quic)" in found


@posix
def test_a_descriptor_that_is_closed_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BINDS, "systemd:"],
        env={**os.environ, "LISTEN_FDS": "1"},
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert "it is not open in this process" in json.loads(done.stdout)[0]
