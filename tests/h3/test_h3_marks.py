"""Marks on what the server sends (ECN), over real sockets: read by clients, changed on the way."""

from __future__ import annotations

import itertools
import sys

import pytest

from tests.h3.clients_aioquic import request
from tests.h3.clients_ecn import MarkClient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads marks as Linux tells them")

SIZE = 300_000
ECT0, CE = 2, 3

whatever_the_loop = pytest.mark.parametrize("server", ["uvloop"], indirect=True)
"""That each loop's sockets mark is shown by the first test, and by conformance rule W86."""


def download(client: MarkClient) -> list[int]:
    """Marks of what the server sends for it."""
    before = len(client.sent)
    assert len(client.ask(request(b"/download?%d" % SIZE)).data) == SIZE
    return client.sent[before:]


def connect(server, **more) -> MarkClient:
    return MarkClient(server.quic, server.authority, **more)


def test_all_is_marked_for_a_client_that_tells_what_arrives(server):
    with connect(server) as client:
        assert client.sent[0] == ECT0
        marks = download(client)
        # Not: probes of what size the path carries, and what follows a timeout.
        assert marks.count(ECT0) > 0.9 * len(marks)


@whatever_the_loop
def test_nothing_is_marked_for_a_client_that_does_not(server):
    with connect(server, tells=False) as client:
        assert client.sent[0] == ECT0
        assert set(download(client)) == {0}


@whatever_the_loop
def test_a_path_that_bleaches_marks_gets_no_more(server):
    with connect(server, routers=lambda _: 0) as client:
        assert client.sent[0] == ECT0
        assert set(download(client)) == {0}


@whatever_the_loop
def test_a_path_that_drops_what_is_marked_is_no_hindrance(server):
    with connect(server, routers=lambda mark: None if mark else 0) as client:
        assert client.sent[0] == ECT0
        assert set(download(client)) == {0}
        assert client.sent.count(ECT0) <= 10


@whatever_the_loop
def test_a_congested_path_stays_marked(server):
    number = itertools.count()

    def routers(mark):
        return CE if mark and next(number) % 20 == 19 else mark

    with connect(server, routers=routers) as client:
        assert download(client)[-1] == ECT0
        assert next(number) > SIZE // 1452


@whatever_the_loop
def test_each_path_of_a_client_is_another(server):
    with connect(server) as client:
        download(client)
        client.routers = lambda _: 0
        client.migrate()
        client.ping()  # the path is validated first
        assert download(client).count(ECT0) <= 10
        assert set(download(client)) == {0}
        client.routers = int
        client.rebind()
        client.ping()
        download(client)
        marks = download(client)
        assert marks.count(ECT0) > 0.9 * len(marks)


@pytest.mark.parametrize("worker", ["uvloop"])
def test_all_is_marked_over_ipv6(serve, worker):
    with serve(worker, "--bind", "[::1]:0") as server, connect(server) as client:
        assert len(server.quic[0].split(":")) > 2
        assert download(client).count(ECT0) > SIZE // 1452
