"""Clients that take their time: what is begun is either continued, or ended by a deadline."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

import pytest

from tests.h2 import frames as f
from tests.h2.siege import left_running, siege

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at the process in /proc")

DEADLINE = 8.0
"""Seconds; the server's own are 1 or 2, looked at once a second."""

BLOCK = f.block(f.request(b"/digest", method=b"POST"))

BEGUN = {
    "nothing": b"",
    "part of the preface": f.PREFACE[:10],
    "the preface alone": f.PREFACE,
    "part of SETTINGS": f.PREFACE + f.settings((1, 1))[:12],
    "part of a frame's head": f.PREFACE + f.settings() + f.ping()[:5],
    "part of a frame": f.PREFACE + f.settings() + f.ping()[:12],
    "part of a field block": f.PREFACE + f.settings() + f.frame(f.HEADERS, 0, 1, BLOCK[:20]),
    "a head without its body": f.PREFACE + f.settings() + f.headers(1, BLOCK, end=False),
    "a body without its end": f.PREFACE
    + f.settings()
    + f.headers(1, BLOCK, end=False)
    + f.data(1, b"begun"),
    "part of DATA": f.PREFACE
    + f.settings()
    + f.headers(1, BLOCK, end=False)
    + f.data(1, b"x" * 1000)[:500],
    "no request": f.PREFACE + f.settings(),
}


def test_clients_that_fall_silent_are_not_waited_for(hardened):
    """All of them at once: each connection has deadlines of its own."""
    waited_for = []
    with siege(hardened), ExitStack() as stack:
        clients = {name: stack.enter_context(hardened.connect()) for name in BEGUN}
        for name, client in clients.items():
            client.send(BEGUN[name])
        began = time.monotonic()
        for name, client in clients.items():
            try:
                client.until_closed(max(0.01, began + DEADLINE - time.monotonic()))
            except TimeoutError:
                waited_for.append(name)
    assert not waited_for


def drip(client, parts, deadline: float = DEADLINE) -> None:
    """Send part after part, a little time apart, until the server hangs up."""
    began = time.monotonic()
    for part in parts:
        if client.closed or client.goaways:
            return
        assert time.monotonic() - began < deadline, "it may go on for ever"
        client.send(part)
        try:
            client.read(time.monotonic() + 0.1)
        except TimeoutError:
            continue
    raise AssertionError("everything was taken")


def test_a_head_that_comes_by_the_byte_is_not_waited_for(hardened):
    """Each CONTINUATION is a sign of life, and the head has a deadline all the same."""
    with siege(hardened) as client:
        client.send(f.frame(f.HEADERS, f.END_STREAM, 1, BLOCK))
        drip(client, (f.continuation(1, bytes([byte]), end=False)
                      for byte in f.literal(b"x-slow", b"v" * 200)))  # fmt: skip


def test_a_frame_that_comes_by_the_byte_is_not_waited_for(hardened):
    with siege(hardened) as client:
        whole = f.headers(1, BLOCK + f.literal(b"x-slow", b"v" * 500))
        drip(client, (bytes([byte]) for byte in whole))


def test_a_preface_that_comes_by_the_byte_is_not_waited_for(hardened):
    with siege(hardened, greet=False) as client:
        drip(client, (bytes([byte]) for byte in f.PREFACE * 10))


def test_empty_continuations_do_not_prolong_a_head(hardened):
    with siege(hardened) as client:
        client.send(f.frame(f.HEADERS, f.END_STREAM, 1, BLOCK))
        drip(client, (f.continuation(1, b"", end=False) for _ in range(200)))


def test_a_body_of_empty_frames_is_not_waited_for(hardened):
    """An empty DATA frame is no progress."""
    with siege(hardened) as client:
        client.send(f.headers(1, BLOCK, end=False))
        began = time.monotonic()
        while not (client[1].done or client.goaways or client.closed):
            assert time.monotonic() - began < DEADLINE
            client.send(f.data(1))
            try:
                client.read(time.monotonic() + 0.1)
            except TimeoutError:
                continue
        assert client[1].status in (None, 408)


def test_credit_by_the_byte_does_not_hold_a_response_for_ever(hardened):
    """A byte now and then is progress; nothing at all is not."""
    with siege(hardened, credit=False) as client:
        client.send(f.settings((f.INITIAL_WINDOW_SIZE, 0)))
        stream = client.get(b"/whole?100000")
        client.wait(lambda: client[stream].fields is not None)
        for _ in range(20):
            client.send(f.window_update(stream, 1))
            before = len(client[stream].data)
            client.wait(lambda before=before: len(client[stream].data) > before)
        client.wait(lambda: client[stream].reset is not None or client.goaways or client.closed,
                    DEADLINE)  # fmt: skip
        assert left_running(hardened) == 0


def test_ping_keeps_an_idle_connection_open(hardened):
    """Its idle timeout is 2 s; PING counts as activity."""
    with hardened.connect() as client:
        client.start()
        began = time.monotonic()
        while time.monotonic() - began < 5:
            client.sync()
            try:
                client.read(time.monotonic() + 0.4)
            except TimeoutError:
                continue
        assert not client.goaways
        assert client.ask().data == b"hello"


def test_an_idle_connection_is_closed_with_a_farewell(hardened):
    with hardened.connect() as client:
        client.start()
        assert client.ask().data == b"hello"
        client.until_closed(DEADLINE)
        assert [code for _, code, _ in client.goaways] == [f.NO_ERROR]
        assert client.goaways[-1][0] == 1
