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
from tests.h3.conftest import probe
from tests.supervisor.waiting import until

BODY = bytes(range(256)) * 4096
H3_NO_ERROR = 0x100
_LISTED = re.compile(r"(?:workers: |serves, processes )([\d, ]+)$", re.MULTILINE)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="driven by POSIX signals"),
]

whatever_the_loop = pytest.mark.parametrize("worker", ["uvloop"], indirect=True)
"""Who gets a datagram, and by which ID and key, is settled above the loop. That each loop serves
four workers, their deaths and reloads is shown by the others."""


@pytest.fixture(scope="module")
def servers(certificates):
    """`servers(worker)`: four workers each, for the tests that leave them as they were."""
    with ExitStack() as stack:

        @cache
        def started(worker):
            return stack.enter_context(probe(worker, certificates, "-w", "4"))

        yield started


@pytest.fixture
def steady(servers, worker):
    return servers(worker)


@pytest.fixture
def four(serve, worker):
    with serve(worker, "-w", "4") as server:
        yield server


def workers(server):
    """IDs of the processes that serve, as last said."""
    return [int(text) for text in _LISTED.findall(server.errors)[-1].split(",")]


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


def hup(server, times=1):
    server.send_signal(signal.SIGHUP)
    server.wait_for_line("reloaded: generation", nth=times)


# Spread and moved ---------------------------------------------------------------------------------


@whatever_the_loop
def test_connections_are_spread_and_each_stays_with_its_worker(steady):
    with connections(steady, 40) as clients:
        homes = [who(client) for client in clients]
        assert set(homes) == set(workers(steady))
        assert max(homes.count(pid) for pid in set(homes)) < 30
        for client in clients:
            client.rebind()
        assert [who(client) for client in clients] == homes
        for client in clients:
            client.migrate()
        assert [who(client) for client in clients] == homes


@whatever_the_loop
def test_a_transfer_goes_on_while_the_client_moves(steady):
    with connections(steady, 4) as clients:
        for client in clients:
            stream = client.open(request(b"/echo", method=b"POST"), end=False)
            for at in range(0, len(BODY), len(BODY) // 8):
                client.send(stream, BODY[at : at + len(BODY) // 8])
                client.rebind()
                client.ping()
            client.send(stream, b"", end=True)
            assert client.answer(stream).data == BODY


@whatever_the_loop
def test_a_session_is_resumed_by_any_worker(steady):
    with steady.connect() as first:
        home = who(first)
        first.wait(lambda: first.tickets)
    others = set()

    def elsewhere():
        with steady.connect(ticket=first.tickets[0]) as second:
            others.add(who(second))
            assert second.resumed
        return others - {home}

    until(elsewhere, "session resumed by another worker")


@whatever_the_loop
def test_an_address_token_is_good_for_any_worker(serve, worker):
    """Every client must prove its address; a token of NEW_TOKEN is such a proof."""
    with serve(worker, "-w", "4", "--h3-retry") as server:
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
def test_go_survives_another_port_among_workers(steady, goclient):
    with GoClient(goclient, steady.authority) as go:
        homes = []
        for _ in range(6):
            homes.append(json.loads(go.ask(f"{steady.origin}/whoami").text)["pid"])
            go.rebind()
        assert len(set(homes)) == 1


@whatever_the_loop
def test_workers_that_share_a_socket_pass_on_what_is_not_theirs(serve, worker):
    """Without steering, any of them receives any datagram: what other systems than Linux do."""
    with serve(worker, "-w", "4", "--reuse-port", "off") as server:
        with connections(server, 16) as clients:
            homes = [who(client) for client in clients]
            assert len(set(homes)) > 1
            for client in clients:
                client.rebind()
            assert [who(client) for client in clients] == homes
            for client in clients[:4]:  # the others wait meanwhile, and must not for too long
                stream = client.open(request(b"/echo", method=b"POST"), end=False)
                client.send(stream, BODY[: 1 << 18], end=True)
                assert client.answer(stream).data == BODY[: 1 << 18]
            hup(server)
            for client in clients:
                client.rebind()
                client.wait_closed()
        # The others hear within a second that a worker takes no new clients.
        until(lambda: server.ask()["pid"] in workers(server), "answer of a new worker")


def test_every_foreign_client_is_served_by_four(steady, goclient, tmp_path):
    for _ in range(6):
        with Curl(steady.authority) as curl:
            up = curl.ask(f"{steady.origin}/echo", method="POST", body=BODY)
            assert (up.version, up.body) == ("3", BODY)
        with GoClient(goclient, steady.authority) as go:
            assert json.loads(go.ask(f"{steady.origin}/whoami").text)["pid"] in workers(steady)
    text = clients_chromium.dump(
        f"{steady.origin}/protocol",
        tmp_path,
        steady.certificates / "certificate.pem",
        quic=f"localhost:{steady.port}",
    )
    assert "sent 1048576; got 1048576; by h3 h3" in text


# Deaths -------------------------------------------------------------------------------------------


def test_the_death_of_a_worker_is_the_affair_of_its_own_connections(four):
    with ExitStack() as stack:
        homes = one_each(stack, four)
        victim, *others = homes
        streams = {pid: homes[pid].open(request(b"/begin")) for pid in others}
        for pid in others:
            homes[pid].wait(lambda pid=pid: homes[pid][streams[pid]].data)
        os.kill(victim, signal.SIGKILL)
        four.wait_for_line(") serves")
        for pid in others:
            homes[pid].rebind()
            homes[pid].ask(request(b"/release"))
            assert homes[pid].answer(streams[pid]).data == b"begun ended"
            assert who(homes[pid]) == pid


@whatever_the_loop
def test_connections_of_a_dead_worker_are_told_at_once(four):
    """Its successor cannot know them, and says so (stateless reset, RFC 9000 section 10.3)."""
    with ExitStack() as stack:
        homes = one_each(stack, four)
        victim = next(iter(homes))
        os.kill(victim, signal.SIGKILL)
        four.wait_for_line(") serves")
        with pytest.raises(ConnectionError, match="stateless reset"):
            homes[victim].ask(request())


# Reload, stop, more and fewer ---------------------------------------------------------------------


def test_reloads_under_load_lose_no_request(four):
    with Load(four.connect) as load:
        for times in range(1, 4):
            load.more(5)
            hup(four, times)
        load.more(10)
        assert not load.lost
        assert load.farewells


@whatever_the_loop
def test_reloads_lose_no_request_of_clients_that_move(four):
    with Load(four.connect, kept=3, fresh=0, moving=True) as load:
        for times in range(1, 3):
            load.more(5)
            hup(four, times)
        load.more(10)


def test_a_request_under_way_is_finished_by_the_old_worker(serve, worker):
    with (
        serve(worker, "-w", "4", "--graceful-timeout", "40") as four,
        connections(four, 4) as clients,
    ):
        streams = [
            client.open(request(b"/upload", method=b"POST"), end=False) for client in clients
        ]
        for client, stream in zip(clients, streams, strict=True):
            client.send(stream, BODY[:100_000])
            client.ping()
        old = workers(four)
        hup(four)
        for client, stream in zip(clients, streams, strict=True):
            client.rebind()
            client.wait(lambda client=client: client.goaways)
            client.send(stream, BODY, end=True)
            found = json.loads(client.answer(stream).data)
            assert found["size"] == len(BODY) + 100_000
            assert found["pid"] in old
        for client in clients:
            assert client.wait_closed().error_code == H3_NO_ERROR
        assert four.ask()["pid"] in workers(four)


@whatever_the_loop
def test_workers_come_and_go_and_no_request_is_lost(serve, worker):
    with serve(worker, "-w", "2") as server, Load(server.connect, moving=True) as load:
        for number, count in ((signal.SIGTTIN, 3), (signal.SIGTTIN, 4), (signal.SIGTTOU, 3)):
            server.send_signal(number)
            server.wait_for_line(f"{count} workers from now on", nth=1 + (number == signal.SIGTTOU))
            load.more(5)
        load.more(5)


def test_sigterm_finishes_what_is_under_way_and_says_goodbye(four):
    with connections(four, 8) as clients:
        streams = [
            client.open(request(b"/upload", method=b"POST"), end=False) for client in clients
        ]
        for client in clients:
            client.ping()
        four.terminate()
        for client, stream in zip(clients, streams, strict=True):
            client.wait(lambda client=client: client.goaways)
            assert client.closed is None
            client.send(stream, b"x" * 1000, end=True)
            assert json.loads(client.answer(stream).data)["size"] == 1000
        for client in clients:
            assert client.wait_closed().error_code == H3_NO_ERROR
        assert four.wait() == 0


@whatever_the_loop
def test_sigterm_closes_idle_connections(serve, worker):
    with serve(worker) as server, connections(server, 5) as clients:
        for client in clients:
            client.ask(request())
        server.terminate()
        for client in clients:
            assert client.wait_closed().error_code == H3_NO_ERROR
            assert client.goaways
        assert server.wait() == 0
