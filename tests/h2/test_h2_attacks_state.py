"""What a long connection leaves behind, and what small frames cost that are no noise as such."""

from __future__ import annotations

import sys

import pytest

from tests.h2 import frames as f
from tests.h2.siege import MiB, memory, siege

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at the process in /proc")

POST = f.request(b"/", method=b"POST")


def one_of_each(client) -> None:
    """Streams that end in every way there is, and as many that are served."""
    served = client.open()
    early = client.open(POST, end=False)  # answered before its end
    cut = client.get(b"/firehose")
    waiting = client.get(b"/wait")
    upload = client.open(f.request(b"/echo", method=b"POST"), end=False)
    client.send(f.data(upload, b"x" * 100))
    refused = client.open(f.request(b"/", (b"connection", b"close")))
    client.wait(lambda: client[cut].data and client[upload].data)
    client.send(*[f.rst_stream(stream) for stream in (cut, waiting, upload)])
    for stream in (served, early, refused):
        client.response(stream)
    client.send(f.data(early, b"late", end=True))
    for _ in range(6):
        assert client.ask().data == b"hello"
    client.sync()
    client.streams.clear()
    client.log.clear()


def test_streams_leave_nothing_behind(server):
    with siege(server) as client:
        for _ in range(50):
            one_of_each(client)
        settled = memory(server.pid, "VmRSS")
        for _ in range(300):
            one_of_each(client)
        grown = memory(server.pid, "VmRSS") - settled
        assert grown < 2 * MiB, f"{grown / 300:.0f} bytes for each round"


def test_a_table_for_responses_does_not_grow_with_what_the_client_offers(server):
    """SETTINGS_HEADER_TABLE_SIZE is how much an encoder may use, not must."""
    with siege(server) as client:
        client.send(f.settings((f.HEADER_TABLE_SIZE, 0x7FFFFFFF)))
        client._decoder.max_allowed_table_size = 0x7FFFFFFF
        for _ in range(3000):
            client.ask(f.request(b"/unique"))
            client.streams.clear()
            client.log.clear()


def test_uploads_of_tiny_frames_that_nobody_receives(serve, worker):
    """What is kept of a frame is about what was in it: of a process that has nothing free yet."""
    streams = 4
    with serve(worker) as server, siege(server, bound=8 * MiB) as client:
        held = [client.open(f.request(b"/hold", method=b"POST"), end=False) for _ in range(streams)]
        window = min(client.settings.get(f.INITIAL_WINDOW_SIZE, 65535), 65535)
        frames = [f.data(stream, b"xy") * 100 for stream in held]
        for _ in range(window // 200):
            client.flood(frames)
        client.sock.settimeout(10)
        released(server)
        if not client.goaways:
            client.send(*[f.data(stream, end=True) for stream in held])
            for stream in held:
                client.wait(lambda stream=stream: client[stream].done or client.goaways)


def released(server) -> None:
    with server.connect() as client:
        client.start().ask(f.request(b"/release"))


def test_responses_that_are_wanted_by_the_byte(server):
    """CVE-2019-9511: the client grants credit so that much is sent in frames of one byte."""
    with siege(server, credit=False) as client:
        client.send(f.settings((f.INITIAL_WINDOW_SIZE, 0)))
        streams = [client.get(b"/firehose") for _ in range(50)]
        grants = b"".join(f.window_update(stream, 1) for stream in streams)
        assert client.flood(grants for _ in range(400)) != "stalled"
        assert client.verdict() == f.ENHANCE_YOUR_CALM


def test_credit_in_small_pieces_for_what_is_sent_whole_is_no_noise(server):
    """Clients return credit frame by frame, also for messages that are small."""
    with siege(server) as client:
        stream = client.open(f.request(b"/echo", method=b"POST"), end=False)
        for number in range(4000):
            client.upload(stream, b"tick", end=False)
            if number % 50 == 49:
                client.wait(lambda number=number: len(client[stream].data) == 4 * (number + 1))
        assert not client.goaways


def test_an_honest_client_that_cancels_much_is_served(server):
    """A browser resets what is not shown any more; it is served something, too."""
    with siege(server) as client:
        for _ in range(400):
            cancelled = [client.get(b"/wait") for _ in range(3)]
            wanted = [client.get(b"/tag?wanted") for _ in range(6)]
            client.send(*[f.rst_stream(stream) for stream in cancelled])
            for stream in wanted:
                assert client.response(stream).data == b"wanted"


def test_an_honest_client_that_pings_much_is_served(server):
    """A probe for bandwidth sends a PING with each response."""
    with siege(server) as client:
        for _ in range(2000):
            client.send(f.ping(b"bandwidt"))
            assert client.ask().data == b"hello"
            client.log.clear()
