"""Requests that nobody would send, into every HTTP/1.1 engine, and what must come of them.

Hypothesis makes a connection's bytes from parts of requests, good and bad, maims them here and
there, and cuts them. For each such input holds:

1. No engine raises, whatever comes; no task and no running stream is left at the end.
2. Engines and cuts agree: the same requests are seen, the same bytes are answered. Where one input
   has two faults, cuts may decide which of them is found first, and so the code of the refusal.
3. h11, as a server on its own, agrees on every request that both accept: method, target, body. Two
   servers of a chain that see another body, or another beginning of the next request, are what
   request smuggling needs.
4. What is sent is a well-formed sequence of responses.

    python -m fuzz.http1 --examples 100000 --seed 7

prints the smallest input that breaks a rule, and fails. A hundred inputs take about a second.
"""
# ruff: noqa: E501  # tables are read along their rows

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import h11
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from nonecorn.spi import Limits, ProtocolFactory, Receive, Ref, Scope, Send
from nonecorn.testing import MemoryRuntime, at, make_context, read_responses
from nonecorn_http1._settings import Http1Settings

ENGINES: dict[str, Ref[ProtocolFactory]] = {
    "h11": Ref("nonecorn_h11._connection:H11Connection"),
    "httptools": Ref("nonecorn_httptools._connection:HttptoolsConnection"),
}
LIMITS = Limits(
    head_size=2048, head_fields=12, target_size=256, receive_buffer=1024, body_size=4096
)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REFUSAL = re.compile(
    rb"HTTP/1\.1 [45][0-9]{2} [^\r]*\r\ncontent-length: 0\r\nconnection: close\r\n\r\n\Z"
)
_MOST_REQUESTS = 50


# Inputs -------------------------------------------------------------------------------------------

_METHODS = [
    b"GET",
    b"POST",
    b"HEAD",
    b"OPTIONS",
    b"PURGE",
    b"get",
    b"CONNECT",
    b"",
    b"PO ST",
    b"\0",
]
_TARGETS = [
    b"/", b"/a?b=c", b"/%2e%2e/%00", b"*", b"http://h/p?q", b"http://h", b"//h/x", b"a:1", b"", b"/#f", b"/ x",
    b"/" + b"t" * 300, b"/\xff", b"http://u@h/",
]  # fmt: skip
_VERSIONS = [b"HTTP/1.0", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"", b"http/1.1"]
_FIELDS = [
    b"Host: a", b"Host: a", b"Host: b", b"Host:", b"Host: a b", b"host : a",
    b"Content-Length: 3", b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: 3, 3", b"Content-Length: +3",
    b"Content-Length:\t3 ", b"Content-Length: 03", b"Content-Length: 9999999999999999999", b"Content-Length : 3",
    b"Content-Length: 3\x00", b"Content-Length: \xb3", b"Content_Length: 3", b"Content-Length: 0x3",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity",
    b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: \"chunked\"", b"Transfer-Encoding", b" Transfer-Encoding: chunked",
    b"Transfer-Encoding:chunked\t", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked;q=1",
    b"Connection: close", b"Connection: keep-alive", b"Connection: Upgrade", b"Connection: x, close",
    b"Upgrade: websocket", b"Upgrade: h2c", b"Expect: 100-continue", b"Expect: tea", b"Trailer: x", b"TE: trailers",
    b"X: y", b"X:", b"X: \x80", b" folded", b"\tfolded", b": no name", b"no colon", b"X: a\rb", b"X: a\nb", b"X\0: y",
    b"X: " + b"v" * 900, b"Cookie: a=1", b"Accept: */*", b"User-Agent: u",
]  # fmt: skip
_BODIES = [
    b"", b"abc", b"abc", b"ab", b"abcd",
    b"0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n", b"1\r\na\r\n2;x=\"y\"\r\nbc\r\n0\r\n\r\n",
    b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", b"03\r\nabc\r\n00\r\n\r\n", b"3 \r\nabc\r\n0\r\n\r\n", b"3\nabc\n0\n\n",
    b"3\r\nabcX\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n", b"0x3\r\nabc\r\n0\r\n\r\n",
    b"-3\r\nabc\r\n0\r\n\r\n", b"3;\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffff\r\nabc", b"3\r\nab", b"3\r\nabc\r\n0\r\n",
    b"3\r\nabc\r\n0\r\n\r\n\r\n", b"\r\n3\r\nabc\r\n0\r\n\r\n", b"3;a\nb\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nX : y\r\n\r\n",
    b"A\r\n0123456789\r\n0\r\n\r\n", b"1000\r\n" + b"z" * 4096 + b"\r\n0\r\n\r\n", b"1001\r\n" + b"z" * 4097 + b"\r\n0\r\n\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
]  # fmt: skip
_ENDS = [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\x00\r\n"]
_BEFORE = [b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\x16\x03"]
_DEBRIS = [
    b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"\x0b", b"\xff", b"0", b"3", b"-", b"HTTP/1.1", b"chunked",
]  # fmt: skip


_GOOD_FIELDS = [
    b"Connection: keep-alive", b"X: y", b"X:", b"X: \x80", b"Trailer: x", b"TE: trailers", b"Expect: 100-continue",
    b"Upgrade: websocket", b"Connection: Upgrade", b"Cookie: a=1", b"Accept: */*", b"User-Agent: u",
]  # fmt: skip
_GOOD_FRAMINGS = [
    ([], b""),
    ([b"Content-Length: 3"], b"abc"),
    ([b"content-length:3\t"], b"abc"),
    ([b"Transfer-Encoding: chunked"], b"3\r\nabc\r\n0\r\n\r\n"),
    ([b"Transfer-Encoding: Chunked"], b"1;e\r\na\r\n2\r\nbc\r\n0\r\nX: y\r\n\r\n"),
    (
        [b"Transfer-Encoding: chunked"],
        b'0024;x="y"\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n00\r\n\r\n',
    ),
]


def _mostly(good: st.SearchStrategy[Any], bad: list[Any]) -> st.SearchStrategy[Any]:
    """Something good, and one time in sixteen something else."""
    return st.integers(0, 15).flatmap(lambda n: good if n else st.sampled_from(bad))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request, more or less."""
    end = draw(_mostly(st.just(b"\r\n"), _ENDS))
    method = draw(_mostly(st.sampled_from([b"POST", b"GET", b"HEAD"]), _METHODS))
    target = draw(_mostly(st.sampled_from(_TARGETS[:3]), _TARGETS))
    version = draw(_mostly(st.just(b"HTTP/1.1"), _VERSIONS))
    fields = draw(st.lists(_mostly(st.sampled_from(_GOOD_FIELDS), _FIELDS), max_size=4))
    framing, body = draw(st.sampled_from(_GOOD_FRAMINGS))
    host = draw(_mostly(st.just([b"Host: a"]), [[], [b"Host: a", b"Host: b"], [b"Host: a b"]]))
    body = draw(_mostly(st.just(body), _BODIES))
    framing = draw(_mostly(st.just(framing), [[each] for each in _FIELDS]))
    line = b" ".join((method, target, version))
    head = end.join([line, *host, *fields, *framing, b"", b""])
    before = draw(_mostly(st.just(b""), _BEFORE))
    return b"".join((before, head, body))


@st.composite
def connections(draw: st.DrawFn) -> bytes:
    """What one client sends: requests, some of them maimed."""
    data = bytearray(b"".join(draw(st.lists(requests(), min_size=1, max_size=4))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 5]))):
        place = draw(st.integers(0, len(data)))
        debris = draw(st.sampled_from(_DEBRIS))
        data[place : place + draw(st.integers(0, 2))] = debris
    return bytes(data)


# Outcomes -----------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Seen:
    """One request as a server understood it."""

    method: bytes
    target: bytes
    body: bytes = b""
    complete: bool = False
    facts: tuple[Any, ...] = ()


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of an input."""

    sent: bytes
    closed: bool
    requests: list[Seen] = field(default_factory=list)


class Reader:
    """An application that reads each request to its end, answers, and keeps it."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        seen = Seen(method=scope["method"].encode(), target=scope["raw_path"] + query)
        self.requests.append(seen)
        while not seen.complete:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            seen.body += message["body"]
            seen.complete = not message["more_body"]
        headers = tuple(scope["headers"])
        seen.facts = (scope["http_version"], headers, tuple(message.get("trailers", ())))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def run(engine: str, pieces: Iterable[bytes], *, eager: bool) -> Outcome:
    """Feed an engine, and end the client's direction.

    Raises:
        AssertionError: Rule 1 or 4 is broken.
    """
    app = Reader()
    runtime = MemoryRuntime(eager=eager)
    factory = ENGINES[engine].load()
    context = make_context(app, runtime, settings=[Http1Settings()], limits=LIMITS)
    port = runtime.connect(lambda port: factory(context, port))
    for piece in pieces:
        port.receive(piece)
        runtime.run_until_idle()
    closed = port.eof_sent or port.closed
    port.eof()
    runtime.run_until_idle()
    runtime.advance(60)
    assert port.closed, f"not closed: {port.protocol!r}"
    assert not runtime.jobs, f"left behind: {runtime.jobs}"
    assert not context.running
    complete = [seen for seen in app.requests if seen.complete]
    answered = port.sent.replace(_CONTINUE, b"")
    read_responses(answered, [seen.method.decode() for seen in complete])
    return Outcome(sent=answered, closed=closed, requests=complete)


def understood_by_h11(data: bytes) -> list[Seen]:
    """The complete requests that h11's own server finds in the bytes."""
    connection = h11.Connection(h11.SERVER)
    found: list[Seen] = []
    try:
        connection.receive_data(data)
        while len(found) < _MOST_REQUESTS:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                found.append(Seen(method=event.method, target=event.target))
            elif isinstance(event, h11.Data):
                found[-1].body += event.data
            elif isinstance(event, h11.EndOfMessage):
                found[-1].complete = True
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
            else:
                break
    except h11.ProtocolError:
        pass  # it refuses the rest, or may not go on after a close
    return [seen for seen in found if seen.complete]


def origin_form(target: bytes) -> bytes:
    """A target as the scope tells it."""
    scheme, separator, rest = target.partition(b"://")
    if target.startswith(b"/") or not separator or scheme.lower() not in (b"http", b"https"):
        return target.removesuffix(b"?")
    before, mark, query = rest.partition(b"?")
    path = b"/" + before.partition(b"/")[2]
    return path + mark + query if query else path


def check(data: bytes, cuts: Iterable[int] = ()) -> Outcome:
    """Hold one input against the rules.

    Args:
        data: All that a client sends.
        cuts: Positions at which it is cut for the second run of each engine.

    Returns:
        What came of it.

    Raises:
        AssertionError: A rule is broken; whatever an engine raised passes, too.
    """
    whole = [data] if data else []
    pieces = list(at(*cuts)(data))
    first = run("h11", whole, eager=False)
    _agree(run("httptools", whole, eager=True), first, exactly=True)
    for engine in ENGINES:
        for eager in (False, True):
            _agree(run(engine, pieces, eager=eager), first, exactly=False)
    for ours, theirs in zip(first.requests, understood_by_h11(data), strict=False):
        assert ours.method == theirs.method, f"{ours.method!r}, h11 sees {theirs.method!r}"
        assert ours.target == origin_form(theirs.target), (
            f"{ours.target!r}, h11 sees {theirs.target!r}"
        )
        assert ours.body == theirs.body, f"a body of {ours.body!r}, h11 sees {theirs.body!r}"
    return first


def _agree(outcome: Outcome, first: Outcome, *, exactly: bool) -> None:
    seen, wanted = outcome.requests, first.requests
    assert seen == wanted, f"saw {seen}, not {wanted}"
    sent, expected = outcome.sent, first.sent
    if not exactly:
        sent, expected = (_REFUSAL.sub(b"(refused)", each) for each in (sent, expected))
    assert sent == expected, f"answered {sent!r}, not {expected!r}"
    assert outcome.closed == first.closed


def fuzz(examples: int, number: int) -> int:
    """Check so many inputs.

    Args:
        examples: How many.
        number: Seed: the same inputs for the same number.

    Returns:
        How many requests were served, so that a run that refuses everything does not look like one
        that found nothing.
    """
    served = 0

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(data=connections(), cuts=st.lists(st.integers(1, 400), max_size=6))
    def every(data: bytes, cuts: list[int]) -> None:
        nonlocal served
        served += len(check(data, cuts).requests)

    every()
    return served


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Fuzz the HTTP/1.1 engines.")
    parser.add_argument("--examples", type=int, default=20_000, help="inputs to try")
    parser.add_argument("--seed", type=int, default=0, help="which inputs")
    options = parser.parse_args()
    served = fuzz(options.examples, options.seed)
    sys.stdout.write(f"{options.examples} inputs held the rules; {served} requests were served\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
