"""Response heads: what may stand in one, what the server adds, and that they are remembered."""

from __future__ import annotations

import hpack
import pytest

from nonecorn.spi import LocalProtocolError
from nonecorn.spi.messages.response import ResponseWriter
from nonecorn.testing import MemoryRuntime, make_context
from nonecorn.testing.apps import hello
from nonecorn_h2._frame_engine import FrameEngine


def writer(runtime: MemoryRuntime | None = None, **options) -> ResponseWriter:
    context = make_context(hello, runtime or MemoryRuntime(), **options)
    return ResponseWriter(context, FrameEngine)


def decoded(block: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in hpack.Decoder().decode(block, raw=True)]


def test_names_leave_in_lower_case_and_the_connections_own_not_at_all():
    given = [
        (b"Content-Type", b"text/plain"), (b"Connection", b"close"), (b"Keep-Alive", b"1"),
        (b"Transfer-Encoding", b"chunked"), (b"Upgrade", b"x"), (b"Proxy-Connection", b"x"),
        (b"X-Two", b" 2 "),
    ]  # fmt: skip
    block, length, priority = writer().head(200, given)
    assert decoded(block) == [
        (b":status", b"200"), (b"content-type", b"text/plain"), (b"x-two", b"2"),
    ]  # fmt: skip
    assert (length, priority) == (-1, None)


def test_what_the_listener_adds_gives_way_to_the_applications():
    ours = writer(headers=((b"server", b"us"), (b"alt-svc", b"h3")), date_header=True)
    plain = dict(decoded(ours.head(200, [])[0]))
    assert (plain[b"server"], plain[b"alt-svc"]) == (b"us", b"h3")
    assert b"date" in plain
    own = decoded(ours.head(200, [(b"Server", b"mine"), (b"date", b"never")])[0])
    assert own == [(b":status", b"200"), (b"server", b"mine"), (b"date", b"never"),
                   (b"alt-svc", b"h3")]  # fmt: skip


def test_the_date_is_that_of_the_clock():
    runtime = MemoryRuntime()
    ours = writer(runtime, date_header=True)
    before = dict(decoded(ours.head(200, [])[0]))[b"date"]
    runtime.connect(lambda port: _Nothing())
    runtime.advance(3)
    assert dict(decoded(ours.head(200, [])[0]))[b"date"] == runtime.clock.date != before


def test_a_head_is_built_once():
    ours = writer()
    first = ours.head(204, [(b"x", b"y")])[0]
    assert ours.head(204, ((b"x", b"y"),))[0] == first
    assert len(ours._remembered) == 1
    assert ours.head(204, [[b"x", b"y"]])[0] == first, "a list is as good as a tuple"
    ours.head(200, [(b"x", b"y" * 2000)])
    assert len(ours._remembered) == 1, "large ones are not kept"


def test_lengths():
    assert writer().head(200, [(b"content-length", b"5")])[1] == 5
    assert writer().head(200, [(b"content-length", b"5"), (b"content-length", b"5")])[1] == 5
    block, _, _ = writer().head(204, [(b"content-length", b"0")])
    assert decoded(block) == [(b":status", b"204")]
    assert (b"content-length", b"7") in decoded(writer().head(304, [(b"content-length", b"7")])[0])


def test_the_applications_priority_is_seen():
    assert writer().head(200, [(b"priority", b"u=1"), (b"Priority", b"i")])[2] == b"u=1, i"


@pytest.mark.parametrize(
    "header",
    [
        (b"x\n", b"y"), (b"", b"y"), (b"x y", b"z"), (b":status", b"200"), (b"x", b"a\r\nb: c"),
        (b"x", b"a\0"), (b"x", "text"), ("x", b"y"), (b"x", None), (b"x",), None,
        (b"content-length", b"x"), (b"content-length", b"-1"), (b"content-length", b""),
    ],
    ids=repr,
)  # fmt: skip
def test_what_may_not_stand_in_a_head(header):
    with pytest.raises(LocalProtocolError):
        writer().head(200, [header])


def test_two_lengths_that_differ():
    with pytest.raises(LocalProtocolError, match="two content-lengths"):
        writer().head(200, [(b"content-length", b"5"), (b"content-length", b"6")])


@pytest.mark.parametrize("status", [99, 100, 199, 1000, "200", None, True])
def test_what_is_no_status(status):
    with pytest.raises(LocalProtocolError, match="status"):
        writer().head(status, [])


def test_interim_responses():
    block = writer().interim(103, [(b"Link", b"</x>"), (b"connection", b"x")])
    assert decoded(block) == [(b":status", b"103"), (b"link", b"</x>")]
    for status in (101, 200, 99):
        with pytest.raises(LocalProtocolError):
            writer().interim(status, [])


def test_trailers():
    assert decoded(writer().trailers([(b"Grpc-Status", b"0")])) == [(b"grpc-status", b"0")]
    for name in (b"content-length", b"transfer-encoding", b":path"):
        with pytest.raises(LocalProtocolError):
            writer().trailers([(name, b"1")])


def test_it_says_what_it_is():
    assert "us" in repr(writer(headers=((b"server", b"us"),)))


class _Nothing:
    deadline = float("inf")

    def connection_lost(self, exc: Exception | None) -> None:
        """Not asked."""
