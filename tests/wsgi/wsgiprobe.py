"""A WSGI application that answers in every way that PEP 3333 knows.

`app` is behind `wsgiref.validate`, which raises where the server or this module breaks a rule;
`bare` is not, for what the validator cannot bear.
"""

import json
import sys
from pathlib import Path
from urllib.parse import parse_qs
from wsgiref.validate import validator

TEXT = [("Content-Type", "text/plain; charset=utf-8")]
BLOCK = b"0123456789abcdef" * 4096


def as_list(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"one", b"two"]


def as_tuple(environ, start_response):
    start_response("200 OK", TEXT)
    return (b"onetwo",)


def generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one"
    yield b"two"


def late(environ, start_response):
    """A generator runs when it is iterated: start_response is called only then."""
    start_response("200 OK", TEXT)
    yield b""
    yield b"onetwo"
    yield b""


def empty(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-Empty", "yes")])
    return []


def blank(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-Empty", "yes")])
    return [b"", b""]


def write(environ, start_response):
    send = start_response("200 OK", TEXT)
    send(b"one")
    send(b"two")
    return []


def write_and_iterate(environ, start_response):
    start_response("200 OK", TEXT)(b"one")
    return [b"two"]


def length(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "6")])
    return iter([b"one", b"two"])


class Closing:
    """An iterable that says so when it is closed."""

    closed = 0

    def __init__(self, environ, start_response):
        start_response("200 OK", TEXT)
        self._parts = iter([b"one", b"two"])

    def __iter__(self):
        return self._parts

    def close(self):
        Closing.closed += 1


def closed(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"%d" % Closing.closed]


def replaced(environ, start_response):
    """Thinks better of it, before anything has left."""
    start_response("200 OK", [*TEXT, ("X-Thought", "first")])
    try:
        raise ValueError("found out late")
    except ValueError:
        start_response("409 Conflict", [*TEXT, ("X-Thought", "second")], sys.exc_info())
    return [b"onetwo"]


def by_file(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](Path(__file__).open("rb"), 1000)


def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"1"')])
    return []


def hints(environ, start_response):
    environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload; as=style"), ("X-Not", "sent")])
    start_response("200 OK", TEXT)
    return [b"onetwo"]


def echo(environ, start_response):
    stream = environ["wsgi.input"]
    how = parse_qs(environ["QUERY_STRING"])["how"][0]
    if how == "all":
        data = stream.read(int(environ.get("CONTENT_LENGTH") or 10**9))
    elif how == "parts":
        data = b"".join(iter(lambda: stream.read(1000), b""))
    elif how == "line":
        data = b"".join(iter(stream.readline, b""))
    elif how == "lines":
        data = b"".join(stream.readlines())
    elif how == "hint":
        data = b"".join(b"".join(part) for part in iter(lambda: stream.readlines(100), []))
    else:
        data = b"".join(stream)
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [data]


def back(environ, start_response):
    """What is read is sent at once: both ways at the same time."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    yield from iter(lambda: environ["wsgi.input"].read(1000), b"")


def shown(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    plain = {k: v for k, v in environ.items() if isinstance(v, str | bool)}
    return [json.dumps(plain).encode()]


def fails(environ, start_response):
    raise ValueError("before the head")


def fails_after_start(environ, start_response):
    start_response("200 OK", TEXT)
    raise ValueError("after the head, before the body")


def fails_in_body(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one"
    raise ValueError("in the middle of the body")


def exc_info_too_late(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one"
    try:
        raise KeyError("too late for another head")
    except KeyError:
        start_response("500 Oops", TEXT, sys.exc_info())
    yield b"never"


def twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"never"]


def never_starts(environ, start_response):
    return [b"body without a head"]


def text(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text, not bytes"]


def hop(environ, start_response):
    start_response("200 OK", [*TEXT, ("Connection", "close")])
    return [b"never"]


def smuggle(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-Evil", "a\r\nX-Smuggled: yes")])
    return [b"never"]


def too_long(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return iter([b"one", b"two"])


def too_long_at_once(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return [b"onetwo"]


def too_short(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "7")])
    return iter([b"one", b"two"])


def too_short_at_once(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "7")])
    return [b"onetwo"]


def nothing_of_length(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "7")])
    return []


def leaves(environ, start_response):
    sys.exit("the application wants to end the process")


def download(environ, start_response):
    count = int(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    for _ in range(count):
        yield BLOCK


def upload(environ, start_response):
    stream, size = environ["wsgi.input"], 0
    while data := stream.read(65536):
        size += len(data)
    start_response("200 OK", TEXT)
    return [b"%d" % size]


def file(environ, start_response):
    """A file named by the query."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return environ["wsgi.file_wrapper"](Path(environ["QUERY_STRING"]).open("rb"))


PLAIN = (
    as_list, as_tuple, generator, late, write, write_and_iterate, length, Closing, hints,
)  # fmt: skip
"""Those that answer 200 and `onetwo`."""

ROUTES = {
    f"/{each.__name__}": each
    for each in (
        *PLAIN, empty, blank, closed, replaced, by_file, no_content, not_modified, echo, back,
        shown, fails, fails_after_start, fails_in_body, exc_info_too_late, twice, never_starts,
        text, hop, smuggle, too_long, too_long_at_once, too_short, too_short_at_once,
        nothing_of_length, leaves, download, upload, file,
    )
}  # fmt: skip


def bare(environ, start_response):
    return ROUTES[environ["PATH_INFO"]](environ, start_response)


app = validator(bare)
