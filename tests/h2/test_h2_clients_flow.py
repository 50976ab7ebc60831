"""Windows and priorities, with a client that counts every byte."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.h2 import frames as f

LARGEST = 0x7FFFFFFF
BODY = bytes(range(256)) * 16384


def test_a_window_per_stream(server):
    """A stream never gets more than its window, and what it lacks, others get."""
    with server.connect(credit=False) as client:
        client.start((f.INITIAL_WINDOW_SIZE, 1000))
        first, second = client.get(b"/whole?5000"), client.get(b"/whole?800")
        assert len(client.response(second).data) == 800
        client.wait(lambda: len(client[first].data) == 1000)
        client.sync()
        assert len(client[first].data) == 1000
        client.send(f.window_update(first, 1500))
        client.wait(lambda: len(client[first].data) >= 2500)
        client.send(f.settings((f.INITIAL_WINDOW_SIZE, 3500)))
        assert len(client.response(first).data) == 5000


def test_the_window_of_the_connection(server):
    with server.connect(credit=False) as client:
        client.start((f.INITIAL_WINDOW_SIZE, LARGEST))
        streams = [client.get(b"/whole?50000") for _ in range(4)]
        client.wait(lambda: sum(len(client[each].data) for each in streams) == 65535)
        client.sync()
        assert sum(len(client[each].data) for each in streams) == 65535
        client.send(f.window_update(0, LARGEST - 65535))
        for stream in streams:
            assert len(client.response(stream).data) == 50000


def test_frames_are_no_longer_than_the_client_allows(server):
    with server.connect() as client:
        client.start((f.INITIAL_WINDOW_SIZE, LARGEST))
        client.send(f.window_update(0, LARGEST - 65535))
        assert max(client.ask(f.request(b"/whole?200000")).pieces) <= 16384
    with server.connect() as client:
        client.start((f.INITIAL_WINDOW_SIZE, LARGEST), (f.MAX_FRAME_SIZE, 100_000))
        client.send(f.window_update(0, LARGEST - 65535))
        response = client.ask(f.request(b"/whole?200000"))
        assert max(response.pieces) <= 100_000
        assert len(response.data) == 200_000


def test_credit_comes_back_as_the_application_receives(server):
    with server.connect() as client:
        client.start()
        stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
        client.upload(stream, BODY)
        assert json.loads(client.response(stream).data) == {
            "size": len(BODY),
            "sha256": hashlib.sha256(BODY).hexdigest(),
        }
        # Many uploads in turn: the connection's window is not used up by any.
        for _ in range(3):
            stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
            client.upload(stream, BODY[:300_000])
            assert json.loads(client.response(stream).data)["size"] == 300_000


def test_credit_of_uploads_that_were_not_received_comes_back(server):
    """Of a request that was reset, or answered early: else the connection would run dry."""
    with server.connect() as client:
        client.start()
        for number in range(30):
            path = (b"/", b"/wait")[number % 2]
            stream = client.open(f.request(path, method=b"POST"), end=False)
            client.upload(stream, bytes(60_000), end=False, wait=False)
            client.sync()
            client.send(f.rst_stream(stream))
            assert client.ask().data == b"hello"  # an honest client, all in all
        client.sync()
        stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
        client.upload(stream, BODY[:300_000])
        assert json.loads(client.response(stream).data)["size"] == 300_000


def test_credit_of_padding_comes_back(server):
    with server.connect() as client:
        client.start()
        stream = client.open(f.request(b"/digest", method=b"POST"), end=False)
        padded = f.frame(f.DATA, f.PADDED, stream, b"\xff" + b"x" * 1000 + bytes(255))
        for _ in range(300):
            while client.window(stream) < 1256:
                seen = client.window(stream)
                client.wait(lambda seen=seen: client.window(stream) > seen)
            client.send(padded)
            client._uploaded.update({stream: 1256, 0: 1256})
        client.send(f.data(stream, end=True))
        assert json.loads(client.response(stream).data)["size"] == 300_000


# Priorities (RFC 9218) ----------------------------------------------------------------------------


def prioritised(client, *values: bytes, size: int = 200_000) -> list[int]:
    """Large responses of these priorities, all waiting for the connection's window."""
    client.credit = False
    client.start((f.INITIAL_WINDOW_SIZE, LARGEST))
    filler = client.get(b"/whole?65535")
    client.response(filler)
    path = b"/whole?%d" % size
    streams = [client.get(path, (b"priority", value)) for value in values]
    client.wait(lambda: all(client[each].fields is not None for each in streams))
    client.sync()
    assert not any(client[each].data for each in streams)
    return streams


def grant(client, streams: list[int], size: int) -> list[int]:
    """So many bytes of credit for the connection; how many of them each stream got."""
    before = [len(client[each].data) for each in streams]
    client.send(f.window_update(0, size))
    total = sum(before) + size
    client.wait(lambda: sum(len(client[each].data) for each in streams) == total)
    return [len(client[each].data) - old for each, old in zip(streams, before, strict=True)]


def near(found: list[int], expected: list[int]) -> bool:
    """Each as expected, but for the turns that the server gives to whoever waits, so that nobody
    starves (RFC 9218 section 10): one frame among sixteen.
    """
    fair = 16384 * (1 + sum(expected) // (15 * 16384))
    return all(abs(one - other) <= fair for one, other in zip(found, expected, strict=True))


def test_the_urgent_overtake(server):
    with server.connect() as client:
        streams = prioritised(client, b"u=5", b"u=1", b"u=3", b"u=0")
        assert near(grant(client, streams, 100_000), [0, 0, 0, 100_000])
        assert near(grant(client, streams, 200_000), [0, 100_000, 0, 100_000])
        assert near(grant(client, streams, 250_000), [0, 100_000, 150_000, 0])


def test_without_a_priority_they_come_one_after_the_other(server):
    """The default is `u=3`, not incremental (RFC 9218 section 4)."""
    with server.connect() as client:
        streams = prioritised(client, b"u=3", b"", b"i=?0")
        assert near(grant(client, streams, 200_000), [200_000, 0, 0])
        assert near(grant(client, streams, 300_000), [0, 200_000, 100_000])


def test_the_incremental_share(server):
    with server.connect() as client:
        streams = prioritised(client, b"i", b"u=3, i", b"i=?1", b"u=7")
        shares = grant(client, streams, 300_000)
        assert near(shares, [100_000, 100_000, 100_000, 0]), shares


def test_an_urgent_response_overtakes_one_that_is_under_way(server):
    with server.connect() as client:
        streams = prioritised(client, b"u=4")
        assert near(grant(client, streams, 50_000), [50_000])
        streams.append(client.get(b"/whole?100000", (b"priority", b"u=0")))
        client.wait(lambda: client[streams[1]].fields is not None)
        client.sync()
        assert near(grant(client, streams, 120_000), [20_000, 100_000])


def test_priority_update_changes_the_order(server):
    with server.connect() as client:
        streams = prioritised(client, b"u=1", b"u=2")
        assert near(grant(client, streams, 50_000), [50_000, 0])
        client.send(f.priority_update(streams[0], b"u=6"))
        client.sync()
        assert near(grant(client, streams, 50_000), [0, 50_000])


def test_priority_update_may_come_before_the_request(server):
    with server.connect() as client:
        client.credit = False
        client.start((f.INITIAL_WINDOW_SIZE, LARGEST))
        client.response(client.get(b"/whole?65535"))
        client.send(f.priority_update(5, b"u=0"))
        streams = [
            client.get(b"/whole?100000"),
            client.get(b"/whole?100000", (b"priority", b"u=6")),
        ]
        client.wait(lambda: all(client[each].fields is not None for each in streams))
        client.sync()
        assert streams == [3, 5]
        assert near(grant(client, streams, 50_000), [0, 50_000])


def test_the_application_has_the_last_word(server):
    """RFC 9218 section 5: the response's own `priority` overrides the client's."""
    with server.connect() as client:
        client.credit = False
        client.start((f.INITIAL_WINDOW_SIZE, LARGEST))
        client.response(client.get(b"/whole?65535"))
        streams = [
            client.get(b"/priority?u%3D6&131072", (b"priority", b"u=0")),
            client.get(b"/priority?u%3D1&131072", (b"priority", b"u=5")),
        ]
        client.wait(lambda: all(client[each].fields is not None for each in streams))
        client.sync()
        assert near(grant(client, streams, 50_000), [0, 50_000])


BROKEN = [b"u=9", b"u", b"(((", b"u=-1, i=7", b'"', b"u=1.5"]


@pytest.mark.parametrize("value", BROKEN, ids=repr)
def test_a_priority_that_makes_no_sense_is_the_default(server, value):
    """RFC 9218 section 4: what cannot be read is ignored."""
    with server.connect() as client:
        streams = prioritised(client, b"u=4", value)
        assert near(grant(client, streams, 50_000), [0, 50_000])


def test_priority_update_of_a_stream_that_is_none_ends_the_connection(server):
    """RFC 9218 section 7.1: stream 0 is a PROTOCOL_ERROR, and so is the frame on a stream."""
    for frame in (f.priority_update(0, b"u=1"), f.frame(f.PRIORITY_UPDATE, 0, 1, b"\0\0\0\1u=1")):
        with server.connect() as client:
            client.start().send(frame)
            client.until_closed()
            assert client.goaways[-1][1] == f.PROTOCOL_ERROR


def test_the_tree_of_rfc_7540_for_clients_that_use_it(server):
    """A stream that depends on another waits for it; weights share the link."""
    with server.connect() as client:
        client.credit = False
        client.start((f.INITIAL_WINDOW_SIZE, LARGEST))
        client.response(client.get(b"/whole?65535"))
        made = f.block(f.request(b"/whole?200000"))
        for stream, depends in ((3, f.depends(0)), (5, f.depends(3)), (7, f.depends(3))):
            client.send(f.headers(stream, depends + made, flags=f.WITH_PRIORITY))
        streams = [3, 5, 7]
        client.wait(lambda: all(client[each].fields is not None for each in streams))
        client.sync()
        assert near(grant(client, streams, 100_000), [100_000, 0, 0])
        assert near(grant(client, streams, 100_000), [100_000, 0, 0])
        shares = grant(client, streams, 100_000)
        assert min(shares[1:]) > 30_000
