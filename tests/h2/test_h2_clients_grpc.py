"""gRPC: a real grpcio client, and handlers written by hand against ASGI with trailers."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import grpc
import pytest

from tests.e2e.raw import settled

TIMEOUT = 20


def plain(message: bytes) -> bytes:
    return message


@pytest.fixture(params=["clear", "secure"])
def channel(request, server, certificates):
    parts = urlsplit(getattr(server, request.param))
    target = f"{parts.hostname}:{parts.port}"
    options = [("grpc.enable_http_proxy", 0)]
    if request.param == "clear":
        made = grpc.insecure_channel(target, options)
    else:
        credentials = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
        made = grpc.secure_channel(target, credentials, options)
    with made:
        yield made


def test_unary(channel):
    call = channel.unary_unary("/probe.Probe/Unary", plain, plain)
    assert call(b"ada", timeout=TIMEOUT) == b"answer to ada"


def test_many_unary_calls_at_once(channel):
    call = channel.unary_unary("/probe.Probe/Unary", plain, plain)
    futures = [call.future(b"%d" % number, timeout=TIMEOUT) for number in range(100)]
    assert [each.result() for each in futures] == [b"answer to %d" % n for n in range(100)]


def test_a_status_in_the_trailers(channel):
    call = channel.unary_unary("/probe.Probe/Unary", plain, plain)
    with pytest.raises(grpc.RpcError) as caught:
        call(b"refuse", timeout=TIMEOUT)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "refused as asked"


def test_a_stream_from_the_server(channel):
    call = channel.unary_stream("/probe.Probe/ServerStream", plain, plain)
    found = list(call(b"200", timeout=TIMEOUT))
    assert [int(each.partition(b" ")[0]) for each in found] == list(range(200))


def test_a_stream_from_the_client(channel):
    call = channel.stream_unary("/probe.Probe/ClientStream", plain, plain)
    messages = (b"x" * 10000 for _ in range(100))
    assert call(messages, timeout=TIMEOUT) == b"100 messages, 1000000 bytes"


def test_streams_both_ways_in_turns(channel):
    """Each message is answered before the next is sent."""
    answered = threading.Semaphore(1)

    def messages():
        for number in range(20):
            assert answered.acquire(timeout=TIMEOUT)
            yield b"message %d" % number

    call = channel.stream_stream("/probe.Probe/Both", plain, plain)
    for number, answer in enumerate(call(messages(), timeout=TIMEOUT)):
        assert answer == b"MESSAGE %d" % number
        answered.release()
    assert number == 19


def test_a_call_that_is_cancelled_leaves_no_task(channel, server):
    call = channel.stream_stream("/probe.Probe/Both", plain, plain)
    before = server.counts()["running"]

    def messages():
        yield b"first"
        yield from iter(lambda: finished.wait(TIMEOUT) and b"", None)

    finished = threading.Event()
    answers = call(messages(), timeout=TIMEOUT)
    assert next(answers) == b"FIRST"
    answers.cancel()
    finished.set()
    assert settled(lambda: server.counts()["running"], before) == before
