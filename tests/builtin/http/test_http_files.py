"""Files that the server sends itself: pathsend and zerocopysend, copied or not."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from nonecorn.spi import ClientDisconnectedError, LocalProtocolError
from nonecorn.testing import MemoryRuntime
from nonecorn.testing.apps import respond
from tests.builtin.http.opened import Opened, Script, body, start

CONTENT = bytes(range(256)) * 1024  # four reads' worth


@pytest.fixture(params=[True, False], ids=["zero-copy", "copied"])
def exchange(request: pytest.FixtureRequest) -> dict[str, bool]:
    return {"zero_copy": request.param}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


def port(exchange: dict[str, bool]) -> dict[str, bool]:
    return {"zero_copy": exchange["zero_copy"]}


def send(app, exchange: dict[str, bool], **options) -> Opened:
    return Opened(app, exchange=exchange, port=port(exchange), **options)


def pathsend(path: object) -> dict:
    return {"type": "http.response.pathsend", "path": path if isinstance(path, str) else str(path)}


def zerocopy(file: object, offset: int | None = None, count: int | None = None, **more) -> dict:
    message = {"type": "http.response.zerocopysend", "file": file, **more}
    if offset is not None:
        message["offset"] = offset
    if count is not None:
        message["count"] = count
    return message


# pathsend -----------------------------------------------------------------------------------------


def test_a_path_is_the_whole_body(exchange, path: Path) -> None:
    app = Script(start(), pathsend(path))
    opened = send(app, exchange)
    assert opened.exchange.content == CONTENT
    assert opened.exchange.ended
    assert (opened.record.sent, opened.record.reason) == (len(CONTENT), "")
    assert opened.exchange.headers == [(b"content-length", b"%d" % len(CONTENT))]


def test_its_length_may_be_given(exchange, path: Path) -> None:
    fields = [(b"Content-Length", b"%d" % len(CONTENT))]
    opened = send(Script(start(200, fields), pathsend(path)), exchange)
    assert opened.exchange.headers == fields
    assert opened.exchange.content == CONTENT


def test_an_empty_file_is_an_empty_body(exchange, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    opened = send(Script(start(), pathsend(tmp_path / "empty")), exchange)
    assert (opened.exchange.content, opened.exchange.ended) == (b"", True)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_no_file_follows_a_head_that_has_no_body(
    exchange, path: Path, method: str, status: int
) -> None:
    opened = send(Script(start(status), pathsend(path)), exchange, method=method)
    assert (opened.exchange.content, opened.exchange.ended) == (b"", True)
    assert opened.exchange.headers == [(b"content-length", b"%d" % len(CONTENT))]
    assert (opened.record.sent, opened.record.reason) == (0, "")


def test_a_missing_file_can_still_become_404(exchange, tmp_path: Path) -> None:
    app = Script(start(), pathsend(tmp_path / "missing"), start(404), body(b"none"))
    opened = send(app, exchange)
    assert [type(error) for error in app.errors] == [
        type(None),
        FileNotFoundError,
        type(None),
        type(None),
    ]
    assert opened.exchange.calls == [("respond", 404, [], b"none", True, False)]
    assert opened.record.status == 404


@pytest.mark.parametrize("bad", ["relative/path", "", "directory", "fifo", "/nul\0byte", "length"])
def test_what_cannot_be_sent_is_refused_before_the_head_leaves(
    exchange, path: Path, tmp_path: Path, bad: str
) -> None:
    fields = []
    given: str = bad
    if bad == "directory":
        given = str(tmp_path)
    elif bad == "fifo":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no named pipes")
        os.mkfifo(tmp_path / "fifo")
        given = str(tmp_path / "fifo")
    elif bad == "length":
        given, fields = str(path), [(b"content-length", b"1")]
    app = Script(start(200, fields), pathsend(given), start(400), body())
    opened = send(app, exchange)
    assert isinstance(app.errors[1], (LocalProtocolError, ValueError, OSError))
    assert [call[1] for call in opened.exchange.calls] == [400]


def test_the_file_is_closed_whatever_happens(exchange, path: Path, tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for target in (path, tmp_path / "missing", tmp_path):
        send(Script(start(), pathsend(target), stop=True), exchange)
    assert len(os.listdir("/dev/fd")) == before


def test_a_client_that_goes_while_the_file_is_opened_is_a_disconnect(exchange, path: Path) -> None:
    runtime = MemoryRuntime()
    run_in_thread = runtime.run_in_thread

    async def meanwhile(function, *args):
        result = await run_in_thread(function, *args)
        opened.stream.disconnect()
        return result

    runtime.run_in_thread = meanwhile
    app = Script(start(), pathsend(path))
    opened = send(app, exchange, runtime=runtime, run=False)
    opened.run()
    assert isinstance(app.error, ClientDisconnectedError)
    assert opened.exchange.calls == []
    assert opened.record.reason == "client-gone"


def test_a_file_that_is_opened_after_its_request_was_cancelled_is_closed(path: Path) -> None:
    from nonecorn.builtin.http.extensions import _open

    opened: list[int] = []
    _open(str(path), opened, [True])
    assert opened == []


# zerocopysend -------------------------------------------------------------------------------------


@pytest.fixture
def file(path: Path):
    with path.open("rb", buffering=0) as opened:
        yield opened


def test_a_whole_open_file(exchange, file) -> None:
    opened = send(Script(start(), zerocopy(file)), exchange)
    assert opened.exchange.content == CONTENT
    assert opened.exchange.ended
    assert opened.record.sent == len(CONTENT)
    assert not file.closed


@pytest.mark.parametrize(
    ("offset", "count", "part"),
    [
        (0, None, CONTENT),
        (10, None, CONTENT[10:]),
        (10, 5, CONTENT[10:15]),
        (0, 0, b""),
        (65530, 65550, CONTENT[65530:131080]),
        (len(CONTENT), None, b""),
        (len(CONTENT) + 5, None, b""),
        (None, 7, CONTENT[:7]),
    ],
)
def test_a_part_of_it(exchange, file, offset, count, part: bytes) -> None:
    opened = send(Script(start(), zerocopy(file.fileno(), offset, count)), exchange)
    assert opened.exchange.content == part
    assert opened.exchange.ended


@pytest.mark.parametrize("as_number", [False, True])
def test_without_an_offset_parts_follow_each_other(exchange, file, as_number: bool) -> None:
    target = file.fileno() if as_number else file
    file.seek(3)
    app = Script(
        start(),
        zerocopy(target, count=4, more_body=True),
        zerocopy(target, count=5, more_body=True),
        zerocopy(target),
    )
    opened = send(app, exchange)
    assert app.errors == [None] * 4
    assert opened.exchange.content == CONTENT[3:]


def test_with_an_offset_the_position_does_not_move(exchange, file) -> None:
    file.seek(3)
    send(Script(start(), zerocopy(file, offset=100, count=4)), exchange)
    assert file.tell() == 3


def test_the_position_is_what_the_user_of_a_buffered_file_has_read(exchange, path: Path) -> None:
    with path.open("rb") as buffered:
        assert buffered.read(2) == CONTENT[:2]  # and read ahead
        opened = send(Script(start(), zerocopy(buffered, count=3)), exchange)
        assert opened.exchange.content == CONTENT[2:5]
        assert buffered.read(2) == CONTENT[5:7]


def test_files_and_body_messages_may_alternate(exchange, file) -> None:
    app = Script(
        start(),
        body(b"<", more_body=True),
        zerocopy(file, 0, 3, more_body=True),
        body(b"|", more_body=True),
        zerocopy(file, 3, 3, more_body=True),
        body(b">"),
    )
    opened = send(app, exchange)
    assert opened.exchange.content == b"<" + CONTENT[:3] + b"|" + CONTENT[3:6] + b">"
    assert opened.record.sent == 9


def test_a_file_may_be_followed_by_trailers(exchange, file) -> None:
    trailers = {"type": "http.response.trailers", "headers": [(b"x", b"1")]}
    app = Script(start(trailers=True), zerocopy(file, 0, 3), trailers)
    opened = send(app, exchange, headers=[(b"te", b"trailers")])
    assert app.errors == [None] * 3
    assert (opened.exchange.content, opened.exchange.trailer_fields) == (
        CONTENT[:3],
        [(b"x", b"1")],
    )


def test_a_file_that_is_shorter_than_said_breaks_the_response_off(exchange, file) -> None:
    app = Script(start(), zerocopy(file, 0, len(CONTENT) + 1))
    opened = send(app, exchange)
    assert isinstance(app.error, LocalProtocolError)
    assert opened.exchange.was_reset
    assert (opened.record.status, opened.record.reason) == (200, "app-error")


def test_it_stays_broken_off_where_the_application_does_not_mind(exchange, file) -> None:
    app = Script(start(), zerocopy(file, 0, len(CONTENT) + 1, more_body=True), body(b"x"))
    opened = send(app, exchange)
    assert isinstance(app.errors[1], LocalProtocolError)
    assert opened.record.reason == "app-error"
    assert not opened.exchange.content.endswith(b"x")


@pytest.mark.parametrize("bad", ["offset", "count", "closed", "type", "pipe"])
def test_what_cannot_be_read_is_refused_before_the_head_leaves(
    exchange, path: Path, bad: str
) -> None:
    reading, writing = os.pipe()
    with path.open("rb") as closed:
        pass
    with path.open("rb", buffering=0) as file, os.fdopen(reading), os.fdopen(writing, "w"):
        message = {
            "offset": zerocopy(file, -1, 3),
            "count": zerocopy(file, 0, -3),
            "closed": zerocopy(closed),
            "type": zerocopy(io.BytesIO(b"no file")),
            "pipe": zerocopy(reading),
        }[bad]
        app = Script(start(), message, start(404), body(b"none"))
        opened = send(app, exchange)
    assert app.errors[1] is not None
    assert opened.exchange.calls == [("respond", 404, [], b"none", True, False)]


def test_reads_of_a_copied_file_leave_the_loop_free(path: Path) -> None:
    app = Script(start(), pathsend(path))
    opened = send(app, {"zero_copy": False})
    assert len(opened.runtime.threads) == 1 + 4


def test_a_copied_file_waits_for_the_client(path: Path, file) -> None:
    app = Script(start(), zerocopy(file))
    opened = send(app, {"zero_copy": False}, run=False)
    waiter = opened.stream.blocked = opened.runtime.waiter()
    opened.run()
    assert len(opened.exchange.content) == 65536
    opened.stream.blocked = None
    waiter.set()
    opened.run()
    assert opened.exchange.content == CONTENT


def test_a_client_that_goes_ends_a_copied_file(file) -> None:
    app = Script(start(), zerocopy(file))
    opened = send(app, {"zero_copy": False}, run=False)
    waiter = opened.stream.blocked = opened.runtime.waiter()
    opened.run()
    opened.stream.disconnect()
    waiter.set()
    opened.run()
    assert isinstance(app.error, ClientDisconnectedError)
    assert opened.record.reason == "client-gone"


async def _falls_back(scope, receive, send) -> None:
    """What an application with files does."""
    try:
        await send(start())
        await send(pathsend("/does/not/exist"))
    except OSError:
        await respond(send, b"no such file", status=404)


def test_the_idiom_of_a_file_server_works(exchange) -> None:
    opened = send(_falls_back, exchange)
    assert (opened.exchange.status, opened.exchange.content) == (404, b"no such file")
