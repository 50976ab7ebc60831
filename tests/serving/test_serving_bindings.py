"""Sockets for workers: which get which, how they travel, and who removes the files."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from nonecorn.builtin.sockets.activation import forget
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.handover import SocketHandle
from nonecorn.spi import BindError
from tests.serving.loops import plan_of

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the system does not spread connections"
)
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows passes sockets otherwise")


@pytest.fixture
def bindings():
    with Bindings() as opened:
        yield opened


def names(chosen):
    return [binding.bound.sock.getsockname() for binding in chosen]


def descriptors(chosen):
    return {binding.bound.sock.fileno() for binding in chosen}


# One socket per worker ----------------------------------------------------------------------------


@linux
def test_each_worker_has_a_tcp_socket_of_its_own_and_they_share_others(bindings, tmp_path):
    bindings.bind(plan_of(bind=("127.0.0.1:0", f"unix:{tmp_path / 's'}")), workers=3)
    workers = [bindings.of_worker(worker) for worker in range(3)]
    tcp, unix = ([worker[place] for worker in workers] for place in (0, 1))
    assert len(set(names(tcp))) == len(set(names(unix))) == 1
    assert len(descriptors(tcp)) == 3
    assert len(descriptors(unix)) == 1
    assert len(bindings.urls) == 2


@linux
def test_the_system_spreads_connections_over_the_workers(bindings):
    bindings.bind(plan_of(), workers=2)
    clients = [socket.create_connection(names(bindings)[0], 5) for _ in range(64)]
    accepted = Counter()
    for worker in range(2):
        [binding] = bindings.of_worker(worker)
        while True:
            try:
                binding.bound.sock.accept()[0].close()
            except BlockingIOError:
                break
            accepted[worker] += 1
    for client in clients:
        client.close()
    assert sum(accepted.values()) == 64
    assert min(accepted.values()) >= 8


@linux
def test_all_addresses_of_a_name_have_one_port_for_all_workers(bindings):
    bindings.bind(plan_of(bind="localhost:0"), workers=2)
    assert len({name[1] for name in names(bindings)}) == 1
    assert names(bindings.of_worker(0)) == names(bindings.of_worker(1))


@pytest.mark.parametrize("reuse_port", ["off", "auto", "on"])
def test_a_single_process_has_one_socket(bindings, reuse_port):
    if reuse_port == "on" and not hasattr(socket, "SO_REUSEPORT"):
        pytest.skip("this platform has no SO_REUSEPORT")
    bindings.bind(plan_of(reuse_port=reuse_port))
    [binding] = bindings
    assert binding.worker is None


def test_workers_may_share_one_socket(bindings):
    bindings.bind(plan_of(reuse_port="off"), workers=3)
    [binding] = bindings
    assert [bindings.of_worker(worker) for worker in range(3)] == [[binding]] * 3


@linux
def test_an_inherited_socket_is_shared_whatever_its_options():
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 0))
        descriptor = os.dup(sock.fileno())
    with Bindings() as bindings:
        bindings.bind(plan_of(bind=f"fd://{descriptor}"), workers=2)
        assert len(list(bindings)) == 1


@linux
def test_workers_come_and_go(bindings):
    bindings.bind(plan_of(), workers=1)
    address = names(bindings)[0]
    bindings.resize(3)
    assert names(bindings) == [address] * 3
    bindings.resize(3)
    first, second, third = bindings
    bindings.resize(2)
    assert [each.bound for each in bindings] == [first.bound, second.bound]
    assert third.bound.sock.fileno() == -1
    bindings.resize(0)
    assert [each.bound for each in bindings] == [first.bound]


@linux
def test_a_socket_for_a_further_worker_is_as_the_first(bindings):
    bindings.bind(plan_of(bind="[::1]:0", tcp_keep_alive=7), workers=2)
    for binding in bindings:
        sock = binding.bound.sock
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 7
        assert not sock.getblocking()
        assert not sock.get_inheritable()


SHRUNK_RIGHTS = """
import json, logging, os
from nonecorn.serving.bindings import Bindings
from tests.serving.loops import plan_of

logging.basicConfig(format="%(message)s")
with Bindings() as bindings:
    bindings.bind(plan_of(), workers=2)
    os.setuid(65534)
    bindings.resize(4)
    print(json.dumps([[each.worker for each in bindings.of_worker(index)] for index in range(4)]))
"""


@linux
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become somebody else"
)
def test_where_no_further_socket_can_be_had_workers_share():
    done = subprocess.run(
        [sys.executable, "-c", SHRUNK_RIGHTS],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    # The system lets another user's sockets join none of ours.
    assert json.loads(done.stdout) == [[0], [1], [0], [1]]
    assert done.stderr.startswith(b"worker 2 shares a socket of 127.0.0.1:")


# Naming one address twice -------------------------------------------------------------------------


def test_an_address_that_another_bind_has_is_named(bindings):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(BindError) as caught:
        bindings.bind(plan_of(bind=(f"127.0.0.1:{port}", f"localhost:{port}")))
    assert str(caught.value) == (
        f"localhost:{port} and 127.0.0.1:{port} both mean 127.0.0.1:{port}: name it once"
    )


@posix
def test_a_descriptor_can_be_named_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as sock:
        descriptor = os.dup(sock.fileno())
    with (
        Bindings() as bindings,
        pytest.raises(BindError, match=r"both mean 127\.0\.0\.1:.*: name it once"),
    ):
        bindings.bind(plan_of(bind=(f"fd://{descriptor}", f"fd://0{descriptor}")))
    with pytest.raises(OSError):
        os.fstat(descriptor)


# Into another process -----------------------------------------------------------------------------


WORKER = """
import json, os, sys
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.handover import SocketHandle
from tests.serving.loops import plan_of

plan = plan_of(bind=tuple(json.loads(sys.argv[1])))
handles = [SocketHandle.from_json(each) for each in json.loads(sys.argv[2])]
with Bindings.inherit(plan, handles) as bindings:
    found = []
    for binding in bindings:
        sock = binding.bound.sock
        sock.setblocking(True)
        with sock.accept()[0] as connection:
            connection.sendall(b"worker")
        assert not sock.get_inheritable()
        found.append([binding.url, binding.listener.address, binding.worker])
print(json.dumps(found))
"""


@posix
def test_a_worker_serves_the_sockets_that_it_is_given(bindings, tmp_path):
    binds = ["127.0.0.1:0", f"unix:{tmp_path / 's'}"]
    bindings.bind(plan_of(bind=tuple(binds)), workers=2)
    handles = bindings.handles(1)
    arguments = [json.dumps(binds), json.dumps([handle.as_json() for handle in handles])]
    clients = []
    for binding in bindings.of_worker(1):
        client = socket.socket(binding.bound.sock.family)
        client.settimeout(20)
        clients.append(client)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        pass_fds=[handle.descriptor for handle in handles],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    # A shared port may give the connection to the other worker: its socket goes first.
    bindings.of_worker(0)[0].bound.sock.close()
    for client, binding in zip(clients, bindings.of_worker(1), strict=True):
        client.connect(binding.bound.sock.getsockname())
        assert client.recv(100) == b"worker"
        client.close()
    found = json.loads(process.communicate(timeout=30)[0])
    assert [each[0] for each in found] == bindings.urls
    assert [each[1] for each in found] == binds
    assert (tmp_path / "s").exists()  # it is the supervisor's to remove


def test_a_handle_is_plain_data(bindings, tmp_path):
    bindings.bind(plan_of(bind=f"unix:{tmp_path / 's'}"), workers=2)
    [handle] = bindings.handles(0, process=os.getpid())
    assert SocketHandle.from_json(json.loads(json.dumps(handle.as_json()))) == handle
    assert pickle.loads(pickle.dumps(handle)) == handle
    assert handle.unlink == ""


@posix
def test_a_socket_that_did_not_come_along_is_told(bindings):
    bindings.bind(plan_of())
    [handle] = bindings.handles(0)
    bindings.close()
    with pytest.raises(BindError, match=r"the socket of 127\.0\.0\.1:.* was not inherited"):
        Bindings.inherit(plan_of(), [handle])


# The program that replaces this one ---------------------------------------------------------------


def copies(handles):
    """The same with descriptors of their own, as another process would have them."""
    return [
        SocketHandle.from_json({**each.as_json(), "descriptor": os.dup(each.descriptor)})
        for each in handles
    ]


@linux
def test_a_new_program_takes_over_what_it_serves_too(bindings, tmp_path):
    kept, dropped = tmp_path / "kept", tmp_path / "dropped"
    bindings.bind(plan_of(bind=("127.0.0.1:0", f"unix:{kept}", f"unix:{dropped}")), workers=2)
    with Bindings() as heir:
        plan = plan_of(bind=(f"unix:{kept}", "127.0.0.1:0", f"unix:{tmp_path / 'new'}"))
        heir.bind(plan, workers=3, inherited=copies(bindings.handles()))
        assert heir.urls == [f"unix:{kept}", bindings.urls[0], f"unix:{tmp_path / 'new'}"]
        assert len([each for each in heir if each.worker is not None]) == 3
        heir.claim()
        bindings.close(keep_files=True)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(kept))
    assert not kept.exists()


@posix
def test_a_new_program_that_fails_leaves_the_files_to_the_old(bindings, tmp_path):
    path = tmp_path / "s"
    bindings.bind(plan_of(bind=f"unix:{path}"))
    with Bindings() as heir:
        heir.bind(plan_of(bind=f"unix:{path}"), inherited=copies(bindings.handles()))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    bindings.close()
    assert not path.exists()


# systemd ------------------------------------------------------------------------------------------

ACTIVATED = """
import json, logging, os
from nonecorn.serving.bindings import Bindings
from tests.serving.loops import plan_of

logging.basicConfig(format="%(message)s")
os.environ["LISTEN_PID"] = str(os.getpid())
with Bindings() as bindings:
    bindings.bind(plan_of(bind="systemd:web"))
    left = sorted(name for name in os.environ if name.startswith("LISTEN"))
    print(json.dumps([bindings.urls, left, os.get_inheritable(4)]))
"""


@posix
def test_the_variables_go_once_the_sockets_are_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as web, socket.socket() as other:
        url = f"http://127.0.0.1:{web.getsockname()[1]}"

        def arrange():
            high = [os.dup2(sock.fileno(), 20 + index) for index, sock in enumerate((web, other))]
            for index, copy in enumerate(high):
                os.dup2(copy, 3 + index)

        done = subprocess.run(
            [sys.executable, "-c", ACTIVATED],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "LISTEN_FDS": "2",
                "LISTEN_FDNAMES": "web:spare",
            },
            preexec_fn=arrange,
            close_fds=False,
            capture_output=True,
            check=True,
            timeout=30,
        )
    assert json.loads(done.stdout) == [[url], [], False]
    assert done.stderr.decode() == "systemd has passed a socket that no bind names: systemd:spare\n"


def test_variables_that_nobody_asked_for_stay(bindings, monkeypatch):
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    bindings.bind(plan_of())
    assert os.environ["LISTEN_FDS"] == "1"
    forget()
