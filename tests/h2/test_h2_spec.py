"""What RFC 9113 and RFC 7541 demand of a server, case by case, on every worker and over TLS.

The tables in `cases` have what the well-known conformance suites for HTTP/2 servers try, and some
more. Each case has a connection of its own; the whole table also runs past one server, which must
serve afterwards as before.
"""

from __future__ import annotations

import pytest

from tests.h2.cases import framing, generic, hpack, http, kinds, states

CASES = [case for module in (generic, framing, states, kinds, http, hpack) for case in module.CASES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_clear(server, case):
    with server.connect() as client:
        case.run(client)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tls(server, case):
    with server.connect_tls() as client:
        case.run(client)


def test_names_of_cases_are_unique():
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names)
