"""Every row of the HTTP/1.1 table, on both engines, in memory, however the bytes are cut."""

from __future__ import annotations

import pytest

from nonecorn.spi import Limits, ProtocolFactory, Ref
from nonecorn.testing import (
    MemoryRuntime,
    Splitter,
    bytewise,
    make_context,
    randomly,
    read_responses,
    whole,
)
from nonecorn_http1._settings import Http1Settings
from tests.http1.cases import CASES, Case
from tests.http1.outcome import AFTER, Outcome, TableApp, check

ENGINES: dict[str, Ref[ProtocolFactory]] = {
    "h11": Ref("nonecorn_h11._connection:H11Connection"),
    "httptools": Ref("nonecorn_httptools._connection:HttptoolsConnection"),
}
LONG = 20_000
"""Longer input is not fed byte by byte, which would only take time."""

DELIVERIES: dict[str, tuple[Splitter, bool, bool]] = {
    "whole": (whole, False, False),
    "whole-eager": (whole, True, False),
    "bytewise": (bytewise, False, False),
    "random": (randomly(1), False, False),
    "random-eager": (randomly(2, longest=5), True, False),
    "burst": (randomly(3), False, True),
}
"""How bytes are cut, whether tasks begin at once, and whether all arrives before any task runs."""


def run(
    case: Case, engine: str, split: Splitter, *, eager: bool = False, burst: bool = False
) -> Outcome:
    """Play one row on a connection in memory."""
    app = TableApp()
    app.reset(case.app)
    runtime = MemoryRuntime(eager=eager)
    factory = ENGINES[engine].load()
    context = make_context(
        app, runtime, settings=[Http1Settings()], limits=Limits(**case.limits), default=factory
    )
    port = runtime.connect(lambda port: factory(context, port))
    for step in case.send:
        for piece in split(step):
            port.receive(piece)
            if not burst:
                runtime.run_until_idle()
        if len(case.send) > 1:
            runtime.run_until_idle()
    if case.eof:
        port.eof()
    runtime.advance(case.wait)
    closed = port.eof_sent or port.closed
    sent = port.take()
    responses = read_responses(sent, case.methods, closed=closed)
    outcome = Outcome(responses=responses, closed=closed, requests=list(app.requests))
    if not closed:
        assert port.exchange(AFTER).startswith(b"HTTP/1.1 200 "), "the connection does not serve on"
    port.eof()
    runtime.run_until_idle()
    assert port.closed, "the client has closed, the server has not"
    runtime.advance(1)
    assert not runtime.jobs, "tasks outlive the connection"
    assert not context.running
    # Engines share parsers and caches by the context: what one client did must not reach another.
    another = runtime.connect(lambda port: factory(context, port))
    assert another.exchange(AFTER).startswith(b"HTTP/1.1 200 "), "the next client is not served"
    return outcome


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_row_has_its_outcome(case: Case, delivery: str, engine: str) -> None:
    split, eager, burst = DELIVERIES[delivery]
    if delivery == "bytewise" and len(case.data) > LONG:
        split = randomly(3)
    check(case, run(case, engine, split, eager=eager, burst=burst))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_engines_agree_to_the_byte(case: Case) -> None:
    ours, theirs = (run(case, engine, whole) for engine in ENGINES)
    assert ours.responses == theirs.responses
    assert ours.closed == theirs.closed
    assert [request.scope for request in ours.requests] == [
        request.scope for request in theirs.requests
    ]


def test_names_of_rows_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
