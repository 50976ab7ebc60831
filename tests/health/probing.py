"""Asking a server how it is, as load balancers and Prometheus do."""

from __future__ import annotations

import json
import time

from prometheus_client.parser import text_string_to_metric_families

from nonecorn.testing import RawResponse, raw_exchange, read_responses
from nonecorn.testing.wire import connect

PATIENCE = 30.0
LOOK = 0.02
"""Seconds between two looks."""


def ask(address, target="/readyz", method="GET") -> RawResponse:
    """One request and its response, after which the server closes."""
    head = f"{method} {target} HTTP/1.1\r\nhost: probe\r\n\r\n"
    answer = raw_exchange(address, head.encode(), 20)
    assert answer.closed
    [response] = read_responses(answer.data, [method])
    assert response.delimited
    assert response.values(b"connection") == [b"close"]
    return response


def says(address, target="/readyz") -> tuple[int, str]:
    """Status and text."""
    response = ask(address, target)
    return response.status, response.body.decode()


def details(address, target="/readyz") -> dict:
    """What there is to know, in JSON."""
    return json.loads(ask(address, f"{target}?verbose").body)


def metrics(address) -> dict:
    """Every sample by name and labels, read by Prometheus' own client."""
    text = ask(address, "/metrics").body.decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(address, name, **labels) -> float:
    """One sample; without labels the sum of all of that name."""
    wanted = set(labels.items())
    return sum(
        number
        for (found, *pairs), number in metrics(address).items()
        if found == name and wanted <= set(pairs)
    )


def until(look, expected, patience=PATIENCE):
    """Ask again until that is the answer: what changes tells nobody when it does."""
    deadline = time.monotonic() + patience
    while (found := look()) != expected:
        assert time.monotonic() < deadline, f"still {found!r}, not {expected!r}"
        time.sleep(LOOK)


def listens(path) -> bool:
    """Somebody accepts at this unix socket."""
    try:
        connect(str(path)).close()
    except OSError:
        return False
    return True
