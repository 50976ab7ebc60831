"""`wsgi.file_wrapper`: which files the kernel may send, and that all others are read."""

from __future__ import annotations

import gzip
import io
import os
import tempfile

import pytest

from nonecorn.testing.asgi import call, make_scope
from nonecorn_wsgi import WSGIMiddleware
from nonecorn_wsgi._files import FileWrapper

DATA = bytes(range(256)) * 1000


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def scope_with(*extensions, **more):
    return make_scope(extensions={name: {} for name in extensions}, **more)


def app_of(file, headers=(), status="200 OK"):
    def app(environ, start_response):
        start_response(status, list(headers))
        return environ["wsgi.file_wrapper"](file)

    return WSGIMiddleware(app)


def answered(file, headers=(), status="200 OK", extension="http.response.zerocopysend", **more):
    return call(app_of(file, headers, status), scope_with(extension, **more), threads=True)


def zero_copies(response):
    return [m for m in response.sent if m["type"] == "http.response.zerocopysend"]


OPENERS = {
    "buffered": lambda path: path.open("rb"),
    "raw": lambda path: path.open("rb", buffering=0),
    "read and write": lambda path: path.open("r+b"),
}


@pytest.mark.parametrize("opener", OPENERS)
def test_a_plain_file_is_handed_over(path, opener):
    file = OPENERS[opener](path)
    file.seek(100)
    response = answered(file)
    [message] = zero_copies(response)
    assert (message["offset"], message["count"]) == (100, len(DATA) - 100)
    assert message["file"] is file
    assert (b"content-length", b"%d" % (len(DATA) - 100)) in response.headers
    assert response.content == b""
    assert file.closed


def test_a_temporary_file_is_handed_over():
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115  # the wrapper closes it
    file.write(DATA)
    file.flush()
    file.seek(0)
    assert [m["count"] for m in zero_copies(answered(file))] == [len(DATA)]
    assert file.closed


def test_no_more_than_the_length_is_handed_over(path):
    response = answered(path.open("rb"), [("Content-Length", "10")])
    assert [m["count"] for m in zero_copies(response)] == [10]


def test_a_file_shorter_than_the_length_is_an_error(path):
    from nonecorn.spi import LocalProtocolError

    file = path.open("rb")
    with pytest.raises(LocalProtocolError, match="shorter than the Content-Length"):
        answered(file, [("Content-Length", str(len(DATA) + 1))])
    assert file.closed


class Counting(io.FileIO):
    """Reads something else than what is in the file."""

    def read(self, size=-1):
        return super().read(size).upper()


def compressed(path):
    target = path.with_suffix(".gz")
    target.write_bytes(gzip.compress(DATA))
    return gzip.open(target, "rb")


READERS = {
    "memory": lambda path: io.BytesIO(DATA),
    "decompressing": compressed,
    "buffered around a decompressing one": lambda path: io.BufferedReader(compressed(path)),
    "spooled": lambda path: spooled(),
}


def spooled():
    file = tempfile.SpooledTemporaryFile(max_size=10)  # noqa: SIM115  # the wrapper closes it
    file.write(DATA)
    file.seek(0)
    return file


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_plain_file_is_read(path, reader):
    file = READERS[reader](path)
    response = answered(file)
    assert not zero_copies(response)
    assert response.content == DATA
    assert file.closed


def test_a_subclass_may_read_something_else(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"text" * 100)
    response = answered(Counting(path))
    assert response.content == b"TEXT" * 100


def test_a_pipe_is_read():
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "wb") as writer:
        writer.write(b"hello")
    assert answered(os.fdopen(ours, "rb")).content == b"hello"


def test_a_server_without_the_extension_reads(path):
    response = answered(path.open("rb"), extension="http.response.trailers")
    assert response.content == DATA


def test_no_body_no_file(path):
    for more in ({"method": "HEAD"}, {"status": "304 Not Modified"}):
        file = path.open("rb")
        response = answered(file, **more)
        assert not zero_copies(response)
        assert response.content == b""
        assert file.closed


def test_an_empty_file(tmp_path):
    (tmp_path / "empty").touch()
    file = (tmp_path / "empty").open("rb")
    response = answered(file)
    assert (response.status, response.content) == (200, b"")
    assert file.closed


def test_a_wrapper_is_an_iterable_of_blocks():
    wrapper = FileWrapper(io.BytesIO(b"0123456789"), 4)
    assert list(wrapper) == [b"0123", b"4567", b"89"]
    assert hasattr(wrapper, "close")
    wrapper.close()
    assert wrapper.filelike.closed


def test_a_wrapper_closes_only_what_can_be_closed():
    class Reader:
        def read(self, size):
            return b""

    assert not hasattr(FileWrapper(Reader()), "close")


def test_a_wrapper_inside_something_else_is_read(path):
    def app(environ, start_response):
        start_response("200 OK", [])
        return (block.lower() for block in environ["wsgi.file_wrapper"](file))

    scope = scope_with("http.response.zerocopysend")
    with path.open("rb") as file:
        response = call(WSGIMiddleware(app), scope, threads=True)
    assert response.content == DATA.lower()
