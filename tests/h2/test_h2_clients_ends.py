"""How connections end: at TERM, at the cap on requests, when idle, and when the client is gone."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.e2e.raw import reset
from tests.h2 import frames as f
from tests.h2.conftest import probe
from tests.h2.siege import left_running

LAST = 0x7FFFFFFF


def test_term_says_goodbye_in_two_steps_and_finishes_what_is_begun(serve, worker):
    """RFC 9113 section 6.8: first the highest stream number, later the last one served."""
    with serve(worker) as server, server.connect() as client:
        client.start()
        assert client.ask().data == b"hello"
        stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
        client.sync()
        server.terminate()
        client.wait(lambda: client.goaways)
        assert client.goaways[0][:2] == (LAST, f.NO_ERROR)
        client.upload(stream, b"after the first")
        response = client.response(stream)
        assert response.status == 200
        client.until_closed()
        assert client.goaways[-1][:2] == (stream, f.NO_ERROR)
        client.close()
        assert server.wait() == 0


def test_a_request_that_crossed_the_first_farewell_is_served_or_truly_not_begun(serve, worker):
    with serve(worker) as server, server.connect() as client:
        client.start()
        held = client.open(f.request(b"/digest", method=b"POST"), end=False)
        client.sync()
        server.terminate()
        client.wait(lambda: client.goaways)
        late = client.get(b"/tag?late")
        client.upload(held, b"x")
        assert client.response(held).status == 200
        client.until_closed()
        last = client.goaways[-1][0]
        if client[late].ended:
            assert last >= late
            assert client[late].data == b"late"
        else:
            assert last < late or client[late].reset == f.REFUSED_STREAM
        client.close()
        assert server.wait() == 0


def test_a_new_stream_after_the_last_farewell_is_not_served(serve, worker):
    with serve(worker) as server, server.connect() as client:
        client.start()
        held = client.open(f.request(b"/digest", method=b"POST"), end=False)
        client.sync()
        server.terminate()
        # The second comes when a PING has gone there and back, or after a while.
        client.wait(lambda: len(client.goaways) == 2)
        assert client.goaways[1][:2] == (held, f.NO_ERROR)
        late = client.get(b"/tag?late")
        client.upload(held, b"x")
        assert client.response(held).status == 200
        client.until_closed()
        assert not client[late].ended
        client.close()
        assert server.wait() == 0


def test_an_idle_connection_does_not_hold_up_the_end(serve, worker):
    with serve(worker, "--graceful-timeout", "600") as server, server.connect() as client:
        client.start()
        assert client.ask().data == b"hello"
        server.terminate()
        client.until_closed()
        assert client.goaways[-1][:2] == (1, f.NO_ERROR)
        client.close()
        assert server.wait() == 0


def test_a_request_that_does_not_end_is_cut_off(serve, worker):
    args = ("--graceful-timeout", "0.2")
    with serve(worker, *args, clean=False) as server, server.connect() as client:
        client.start()
        stream = client.get(b"/hold")
        server.wait_for_line("hold begun")
        server.send_signal(signal.SIGTERM)
        client.until_closed()
        assert client[stream].status in (503, None)
        assert server.wait() == 1


def test_tls_connections_end_the_same_way(serve):
    with serve("asyncio") as server, server.connect_tls() as client:
        client.start()
        stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
        client.sync()
        server.terminate()
        client.wait(lambda: client.goaways)
        client.upload(stream, b"x")
        assert client.response(stream).status == 200
        client.until_closed()
        assert client.goaways[-1][:2] == (stream, f.NO_ERROR)
        client.close()
        assert server.wait() == 0


@pytest.fixture(scope="module")
def capped(certificates):
    with probe("asyncio", certificates, "--limits-requests-per-connection", "5") as server:
        yield server


def test_the_cap_on_requests_tells_the_truth(capped):
    """Every request up to the last one named is answered; no other reaches the application."""
    with capped.connect() as client:
        client.start()
        before = capped.counts()["begun"]
        streams = [client.get(b"/tag?%d" % number) for number in range(20)]
        client.until_closed()
        last, code, _ = client.goaways[-1]
        assert code == f.NO_ERROR
        assert last >= streams[4]
        served = [stream for stream in streams if client[stream].ended]
        assert served == [stream for stream in streams if stream <= last]
        assert all(client[stream].status == 200 for stream in served)
        assert capped.counts()["begun"] - before == len(served)


def test_the_cap_on_requests_one_after_the_other(capped):
    with capped.connect() as client:
        client.start()
        for number in range(5):
            assert client.ask(f.request(b"/tag?%d" % number)).data == b"%d" % number
        client.until_closed()
        assert client.goaways[-1][:2] == (9, f.NO_ERROR)


# Clients that are gone ----------------------------------------------------------------------------

POST = f.request(b"/digest", method=b"POST")

STEPS = {
    "nothing": b"",
    "part of the preface": f.PREFACE[:11],
    "the preface": f.PREFACE,
    "SETTINGS": f.PREFACE + f.settings(),
    "part of a block": f.PREFACE + f.settings() + f.frame(f.HEADERS, 0, 1, f.block(POST)[:9]),
    "a request": f.PREFACE + f.settings() + f.headers(1, f.request()),
    "many requests": f.PREFACE
    + f.settings()
    + b"".join(f.headers(n, f.request(b"/download?100000")) for n in range(1, 101, 2)),
    "an upload": f.PREFACE + f.settings() + f.headers(1, POST, end=False),
    "part of an upload": f.PREFACE
    + f.settings()
    + f.headers(1, POST, end=False)
    + f.data(1, b"part"),
    "part of a frame": f.PREFACE
    + f.settings()
    + f.headers(1, POST, end=False)
    + f.data(1, b"part")[:11],
    "a wait": f.PREFACE + f.settings() + f.headers(1, f.request(b"/wait")),
    "a long answer": f.PREFACE + f.settings() + f.headers(1, f.request(b"/firehose")),
    "a reset request": f.PREFACE
    + f.settings()
    + f.headers(1, f.request(b"/firehose"))
    + f.rst_stream(1),
    "a farewell": f.PREFACE + f.settings() + f.headers(1, f.request(b"/wait")) + f.goaway(),
    "a fault": f.PREFACE + f.settings() + f.headers(1, f.request(b"/wait")) + f.headers(0, b""),
    "an upgrade": b"GET /wait HTTP/1.1\r\nhost: t\r\nconnection: upgrade, http2-settings\r\n"
    b"upgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n",
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_client_gone_at_any_moment_leaves_no_task(server, step, how):
    for read in (False, True):
        with server.connect() as client:
            client.send(STEPS[step])
            if read and len(STEPS[step]) > len(f.PREFACE):
                client.sock.recv(100)
            if how == "resets":
                reset(client.sock)
    assert left_running(server) == 0


def test_a_client_that_resets_a_stream_is_heard_by_the_application(server):
    """Its `receive()` says disconnect, its `send()` raises."""
    with server.connect() as client:
        client.start()
        before = server.counts()
        waiting, sending = client.get(b"/wait"), client.get(b"/firehose")
        client.wait(lambda: client[sending].data)
        client.send(f.rst_stream(waiting), f.rst_stream(sending))
        client.sync()
        assert left_running(server) == 0
        after = server.counts()
        assert after["finished"] - before["finished"] == 1
        assert after["gone"] - before["gone"] == 1
        assert client.ask().data == b"hello"


@pytest.mark.parametrize("how", ["closes", "resets the stream"])
def test_a_head_request_whose_application_goes_on_ends_with_its_client(server, how):
    """Its response is complete for the client, and its body nobody's; it is not sent for ever."""
    with server.connect() as client:
        client.start()
        response = client.ask(f.request(b"/firehose", method=b"HEAD"))
        assert (response.status, response.end_frame) == (200, f.HEADERS)
        assert client.ask().data == b"hello"
        if how == "resets the stream":
            client.send(f.rst_stream(1))
            client.sync()
            assert left_running(server) == 0
    assert left_running(server) == 0


def test_a_half_closed_connection_still_gets_its_answers(server):
    with server.connect() as client:
        client.start()
        streams = [client.get(b"/download?10000") for _ in range(3)]
        client.sock.shutdown(socket.SHUT_WR)
        client.credit = False
        for stream in streams:
            assert len(client.response(stream).data) == 10000
        client.until_closed()
    assert left_running(server) == 0
