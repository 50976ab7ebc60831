"""How HTTP/3 connections end while their server drains, on every worker."""

from __future__ import annotations

import time

import pytest

from tests.h3.clients_aioquic import request

MOST = (1 << 62) - 4


def test_a_drain_is_said_in_two_steps_and_loses_nothing(serve, worker):
    with serve(worker) as server, server.connect() as client, server.connect() as idle:
        held = client.open(request(b"/hold"))
        client.ping()
        assert idle.ask(request(b"/tag?x")).data == b"x"
        server.interrupt()
        client.wait(lambda: client.goaways == [MOST])
        # On its way when the server said so: it is served.
        release = client.open(request(b"/release"))
        for response in client.answers([held, release]):
            assert (response.status, response.reset) == (200, None)
        assert client.wait_closed().error_code == 0x100
        assert client.goaways == [MOST, release + 4]
        assert idle.wait_closed().error_code == 0x100
        assert idle.goaways == [MOST, 4]
        assert server.wait() == 0


def test_the_close_does_not_overtake_a_response_of_a_loop_that_was_held_up(serve, worker):
    with serve(worker) as server, server.connect() as client:
        stream = client.open(request(b"/stall?2.5", method=b"POST"), end=False)
        client.ping()
        server.interrupt()
        client.wait(lambda: len(client.goaways) == 2)
        client.send(stream, b"", end=True)
        assert client.answer(stream).data == b"late"
        assert client.wait_closed().error_code == 0x100
        assert server.wait() == 0


def test_a_client_that_moves_meanwhile_hears_of_the_end(serve, worker):
    """Little may be sent to its new address before it has answered from there (RFC 9000 8.1)."""
    with serve(worker, "--keep-alive-timeout", "1") as server, server.connect() as client:
        assert client.ask(request(b"/tag?x")).data == b"x"
        client.rebind()
        client.wait(lambda: client.goaways)  # it went to the old address,
        client.step(time.monotonic() + 0.1)  # and is acknowledged from the new one
        time.sleep(1)  # who has no processor does not answer at once
        assert client.wait_closed(5).error_code == 0x100
        assert client.goaways == [4]


def test_a_connection_ends_after_its_requests(serve, worker):
    with serve(worker, "--limits-requests-per-connection", "3") as server:
        with server.connect() as client:
            for _ in range(3):
                assert client.ask(request(b"/tag?x")).data == b"x"
            assert client.wait_closed().error_code == 0x100
            assert client.goaways == [MOST, 12]
        assert server.ask()["version"] == "3"


@pytest.mark.slow
def test_silence_has_its_time(serve, worker):
    patience = ["--limits-head-timeout", "1", "--limits-body-timeout", "1"]
    with serve(worker, *patience, "--keep-alive-timeout", "2") as server:
        with server.connect() as client:
            silent = client.open(request(b"/digest", method=b"POST"), end=False)
            assert client.answer(silent).status == 408
            assert client[silent].stopped == 0x100
            headless = client.quic.get_next_available_stream_id()
            client.quic.send_stream_data(headless, b"\x01")
            client.flush()
            client.wait(lambda: headless in client.streams and client[headless].done)
            assert client[headless].status == 408
            assert client.wait_closed().error_code == 0x100
        assert server.ask()["version"] == "3"
