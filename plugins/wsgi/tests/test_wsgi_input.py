"""`wsgi.input` as a file, fed by hand."""

from __future__ import annotations

import io
import itertools

import pytest

from nonecorn.spi import ClientDisconnectedError
from nonecorn_wsgi._input import BodyTooLargeError, Input

BODY = b"first\nsecond is longer\n\nlast without end"


class Messages:
    """Stands where the loop would: hands out what the client sent."""

    def __init__(self, parts, end=True):
        self.messages = [
            {"type": "http.request", "body": part, "more_body": True} for part in parts
        ]
        if end:
            self.messages.append({"type": "http.request", "body": b"", "more_body": False})
        self.asked = 0

    def receive(self):
        self.asked += 1
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}


def input_of(*parts, end=True, limit=0):
    messages = Messages(parts, end)
    return Input(messages, limit), messages


SPLITS = {
    "whole": [BODY],
    "bytes": [bytes([byte]) for byte in BODY],
    "threes": [BODY[at : at + 3] for at in range(0, len(BODY), 3)],
    "empty parts": [b"", BODY[:7], b"", b"", BODY[7:], b""],
}


@pytest.fixture(params=SPLITS)
def stream(request):
    return input_of(*SPLITS[request.param])[0]


CALLS = [
    ("read", ()),
    ("read", (-1,)),
    ("read", (None,)),
    ("read", (0,)),
    ("read", (1,)),
    ("read", (7,)),
    ("read", (1000,)),
    ("readline", ()),
    ("readline", (-1,)),
    ("readline", (None,)),
    ("readline", (0,)),
    ("readline", (3,)),
    ("readline", (6,)),
    ("readline", (1000,)),
    ("readlines", ()),
    ("readlines", (None,)),
    ("readlines", (0,)),
    ("readlines", (7,)),
    ("readlines", (1000,)),
    ("__next__", ()),
]


@pytest.mark.parametrize("first", CALLS, ids=str)
@pytest.mark.parametrize("second", CALLS, ids=str)
def test_it_reads_as_any_binary_file_does(stream, first, second):
    model = io.BytesIO(BODY)
    for name, arguments in (first, second, ("read", ()), ("read", (5,)), ("readline", ())):
        try:
            expected = getattr(model, name)(*arguments)
        except StopIteration:
            with pytest.raises(StopIteration):
                getattr(stream, name)(*arguments)
        else:
            assert getattr(stream, name)(*arguments) == expected


def test_it_is_iterated_by_lines(stream):
    assert list(stream) == BODY.splitlines(keepends=True)


def test_the_standard_librarys_wrappers_work_on_it(stream):
    assert io.TextIOWrapper(stream).read() == BODY.decode()
    other, _ = input_of(*SPLITS["threes"])
    buffer = bytearray(10)
    assert other.readinto(buffer) == 10
    assert bytes(buffer) == BODY[:10]


def test_read1_does_not_wait_for_more_than_it_has():
    stream, messages = input_of(b"hello", b"world")
    assert stream.read1(3) == b"hel"
    assert stream.read1() == b"lo"
    assert messages.asked == 1
    assert stream.read1(0) == b""
    buffer = bytearray(3)
    assert stream.readinto1(buffer) == 3
    assert bytes(buffer) == b"wor"
    assert stream.read1(100) == b"ld"
    assert stream.read1(100) == b""


def test_no_more_is_asked_for_than_is_needed():
    stream, messages = input_of(b"hello\n", b"world")
    assert stream.readline() == b"hello\n"
    assert messages.asked == 1
    assert stream.read(5) == b"world"
    assert messages.asked == 2
    assert stream.read() == b""
    assert stream.read() == b""
    assert messages.asked == 3


def test_a_client_that_goes_is_an_os_error():
    stream, _ = input_of(b"half", end=False)
    assert stream.read(4) == b"half"
    for _ in range(2):
        with pytest.raises(ClientDisconnectedError):
            stream.read(1)
    with pytest.raises(OSError):
        stream.readline()


def test_nobody_who_receives_is_the_same():
    class Over:
        def receive(self):
            return None

    with pytest.raises(ClientDisconnectedError):
        Input(Over(), 0).read()


def test_what_is_over_the_limit_is_never_returned():
    stream, _ = input_of(b"12345", b"67890", b"x", limit=10)
    assert stream.read(10) == b"1234567890"
    assert not stream.too_large
    for _ in range(2):
        with pytest.raises(BodyTooLargeError, match="10 bytes"):
            stream.read(1)
    assert stream.too_large
    exact, _ = input_of(b"1234567890", limit=10)
    assert exact.read() == b"1234567890"


def test_it_is_read_only():
    stream, _ = input_of()
    assert stream.readable()
    assert not stream.writable()
    assert not stream.seekable()
    for call in (lambda: stream.write(b"x"), lambda: stream.writelines([b"x"]), stream.detach):
        with pytest.raises(io.UnsupportedOperation):
            call()


def test_its_repr_says_how_far_it_is():
    stream, _ = input_of(b"hello")
    stream.read(5)
    assert repr(stream) == "<Input received=5 more to come>"
    list(itertools.islice(stream, 1))
    assert repr(stream) == "<Input received=5 complete>"
