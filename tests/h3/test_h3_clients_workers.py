"""Four workers at one address: connections are spread, stay with their worker, outlive others'."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from contextlib import ExitStack
from functools import cache

import pytest

from tests.h3 import clients_chromium
from tests.h3.clients_aioquic import request
from tests.h3.clients_curl import Curl
from tests.h3.clients_go import GoClient
from tests.h3.clients_load import Load
from tests.supervisor.waiting import until

BODY = bytes(range(256)) * 4096
PART = BODY[: 1 << 18]
H3_NO_ERROR = 0x100
RELOADED = "reloaded: generation"
REPLACED = ") serves"
_LISTED = re.compile(r"(?:workers: |serves, processes )([\d, ]+)$", re.MULTILINE)
_SUCCESSOR = re.compile(r"worker (\d+) \(process (\d+)\) serves")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="driven by POSIX signals"),
]

PATIENT = (
    *("--graceful-timeout", "60", "--keep-alive-timeout", "12"),
    *("--limits-body-timeout", "60", "--limits-write-timeout", "60"),
)
"""For connections whose client is busy with others, on a machine that is, too. In so much time, a
worker that was succeeded says goodbye to those that it has."""

whatever_the_loop = pytest.mark.parametrize("worker", ["uvloop"], indirect=True)
"""Who gets a datagram, and by which ID and key, is settled above the loop. That each loop serves
four workers, their deaths and reloads is shown by the others."""


@pytest.fixture(scope="module")
def servers(serve):
    """`servers(worker)`: four workers each. Those that a test ends or replaces have successors when
    it is done, so that one server serves them all.
    """
    with ExitStack() as stack:
        yield cache(lambda worker: stack.enter_context(serve(worker, "-w", "4", *PATIENT)))


@pytest.fixture
def four(servers, worker):
    return servers(worker)


def workers(server):
    """IDs of the processes that serve, as last said."""
    *_, listed = _LISTED.finditer(server.errors)
    found = [int(text) for text in listed[1].split(",")]
    for number, pid in _SUCCESSOR.findall(server.errors, listed.end()):
        found[int(number) - 1] = int(pid)
    return found


def who(client):
    return json.loads(client.ask(request(b"/whoami")).data)["pid"]


@contextlib.contextmanager
def connections(server, count, **more):
    with ExitStack() as stack:
        yield [stack.enter_context(server.connect(**more)) for _ in range(count)]


def one_each(stack, server):
    """A connection to each worker, by its process."""
    found = {}

    def enough():
        client = stack.enter_context(server.connect())
        found.setdefault(who(client), client)
        return len(found) == len(workers(server))

    until(enough, "connection to every worker")
    return found


def hup(server):
    done = server.errors.count(RELOADED)
    server.send_signal(signal.SIGHUP)
    server.wait_for_line(RELOADED, nth=done + 1)


def kill(server, pid):
    """Return once another serves in its place."""
    replaced = server.errors.count(REPLACED)
    os.kill(pid, signal.SIGKILL)
    server.wait_for_line(REPLACED, nth=replaced + 1)


# Spread and moved ---------------------------------------------------------------------------------


@whatever_the_loop
def test_connections_are_spread_and_each_stays_with_its_worker(four):
    with connections(four, 40) as clients:
        homes = [who(client) for client in clients]
        assert set(homes) == set(workers(four))
        assert max(homes.count(pid) for pid in set(homes)) < 30
        for client in clients:
            client.rebind()
        assert [who(client) for client in clients] == homes
        for client in clients:
            client.migrate()
        assert [who(client) for client in clients] == homes


@whatever_the_loop
def test_a_transfer_goes_on_while_the_client_moves(four):
    with connections(four, 4) as clients:
        for client in clients:
            stream = client.open(request(b"/echo", method=b"POST"), end=False)
            for at in range(0, len(BODY), len(BODY) // 8):
                client.send(stream, BODY[at : at + len(BODY) // 8])
                client.rebind()
                client.ping()
            client.send(stream, b"", end=True)
            assert client.answer(stream).data == BODY


@whatever_the_loop
def test_a_session_is_resumed_by_any_worker(four):
    with four.connect() as first:
        home = who(first)
        first.wait(lambda: first.tickets)
    others = set()

    def elsewhere():
        with four.connect(ticket=first.tickets[0]) as second:
            others.add(who(second))
            assert second.resumed
        return others - {home}

    until(elsewhere, "session resumed by another worker")


@whatever_the_loop
def test_an_address_token_is_good_for_any_worker(serve, worker):
    """Every client must prove its address; a token of NEW_TOKEN is such a proof."""
    with serve(worker, "-w", "2", "--h3-retry") as server:
        with server.connect() as first:
            home = who(first)
            first.wait(lambda: first.tokens)
        others = set()

        def elsewhere():
            with server.connect(token=first.tokens[0]) as second:
                others.add(who(second))
            return others - {home}

        until(elsewhere, "token taken by another worker")


@whatever_the_loop
def test_go_survives_another_port_among_workers(four, goclient):
    with GoClient(goclient, four.authority) as go:
        homes = []
        for _ in range(6):
            homes.append(json.loads(go.ask(f"{four.origin}/whoami").text)["pid"])
            go.rebind()
        assert len(set(homes)) == 1


@whatever_the_loop
def test_workers_that_share_a_socket_pass_on_what_is_not_theirs(serve, worker):
    """Without steering, any of them receives any datagram: what other systems than Linux do."""
    with serve(worker, "-w", "4", "--reuse-port", "off", *PATIENT) as server:
        with connections(server, 8) as clients:
            homes = [who(client) for client in clients]
            assert len(set(homes)) > 1
            for client in clients:
                client.rebind()
            assert [who(client) for client in clients] == homes
            for client in clients[:2]:
                stream = client.open(request(b"/echo", method=b"POST"), end=False)
                client.send(stream, PART, end=True)
                assert client.answer(stream).data == PART
            hup(server)
            for client in clients:
                client.rebind()
                client.wait_closed()
        # The others hear within a second that a worker takes no new clients.
        until(lambda: server.ask()["pid"] in workers(server), "answer of a new worker")


def test_every_foreign_client_is_served_by_four(four, goclient, chromium):
    for _ in range(6):
        with Curl(four.authority) as curl:
            up = curl.ask(f"{four.origin}/echo", method="POST", body=PART)
            assert (up.version, up.body) == ("3", PART)
        with GoClient(goclient, four.authority) as go:
            assert json.loads(go.ask(f"{four.origin}/whoami").text)["pid"] in workers(four)
    text = clients_chromium.protocol(chromium, four.origin)
    assert "sent 1048576; got 1048576; by h3 h3" in text


# Deaths -------------------------------------------------------------------------------------------


def test_the_death_of_a_worker_is_the_affair_of_its_own_connections(four):
    with ExitStack() as stack:
        homes = one_each(stack, four)
        victim, *others = homes
        streams = {pid: homes[pid].open(request(b"/begin")) for pid in others}
        for pid in others:
            homes[pid].wait(lambda pid=pid: homes[pid][streams[pid]].data)
        kill(four, victim)
        for pid in others:
            homes[pid].rebind()
            homes[pid].ask(request(b"/release"))
            assert homes[pid].answer(streams[pid]).data == b"begun ended"
            assert who(homes[pid]) == pid
        # Its successor cannot know them, and says so at once (RFC 9000 section 10.3).
        with pytest.raises(ConnectionError, match="stateless reset"):
            homes[victim].ask(request())


# Reload, stop, more and fewer ---------------------------------------------------------------------


def test_reloads_under_load_lose_no_request(four):
    with Load(four.connect) as load:
        for _ in range(2):  # those who serve then were successors themselves
            load.more(5)
            hup(four)
        until(lambda: load.farewells, "farewell")
        load.more(10)


def test_a_request_under_way_is_finished_by_the_old_worker(four):
    with ExitStack() as stack:
        homes = one_each(stack, four)
        streams = {
            pid: client.open(request(b"/upload", method=b"POST"), end=False)
            for pid, client in homes.items()
        }
        for pid, client in homes.items():
            client.send(streams[pid], BODY[:100_000])
            client.ping()
        hup(four)
        assert not set(homes) & set(workers(four))
        for pid, client in homes.items():
            client.rebind()
            client.wait(lambda client=client: client.goaways)
            client.send(streams[pid], PART, end=True)
            found = json.loads(client.answer(streams[pid]).data)
            assert found == {"pid": pid, "size": 100_000 + len(PART)}
        for client in homes.values():
            assert client.wait_closed().error_code == H3_NO_ERROR
        assert four.ask()["pid"] in workers(four)


@whatever_the_loop
def test_workers_come_and_go_and_no_request_is_lost(serve, worker):
    with serve(worker, "-w", "2") as server, Load(server.connect) as load:
        for number, count in ((signal.SIGTTIN, 3), (signal.SIGTTIN, 4), (signal.SIGTTOU, 3)):
            server.send_signal(number)
            server.wait_for_line(f"{count} workers from now on", nth=1 + (number == signal.SIGTTOU))
            load.more(5)
        load.more(5)


def test_sigterm_finishes_what_is_under_way_and_says_goodbye(serve, worker):
    with serve(worker, "-w", "2") as server, connections(server, 8) as clients:
        busy, idle = clients[:5], clients[5:]
        streams = [client.open(request(b"/upload", method=b"POST"), end=False) for client in busy]
        for client in busy:
            client.ping()
        for client in idle:
            client.ask(request())
        server.terminate()
        for client, stream in zip(busy, streams, strict=True):
            client.wait(lambda client=client: client.goaways)
            assert client.closed is None
            client.send(stream, b"x" * 1000, end=True)
            assert json.loads(client.answer(stream).data)["size"] == 1000
        for client in clients:
            assert client.wait_closed().error_code == H3_NO_ERROR
            assert client.goaways
        assert server.wait() == 0
