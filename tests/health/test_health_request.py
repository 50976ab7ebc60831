"""What is a request and what is not; what is answered to which. No socket and no loop."""

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nonecorn.serving.health.answer import answer, refusal
from nonecorn.serving.health.facts import Facts, WorkerFacts
from nonecorn.serving.health.request import HEAD_SIZE, RefusedError, Request, read
from nonecorn.serving.load import Load
from nonecorn.testing import read_responses

READY = Facts(state="serving", runtime="uvloop")
DRAINING = Facts(state="draining", not_ready="draining", draining=True)
HUNG = Facts(state="serving", not_live="worker 1 has not responded for 31s")


def request(target="/readyz", method="GET"):
    path, _, query = target.partition("?")
    return Request(method=method, path=path, query=query)


def response(facts, target="/readyz", method="GET"):
    [found] = read_responses(answer(request(target, method), facts), [method])
    return found


# Reading ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "path", "query"),
    [
        (b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", "/readyz", ""),
        (b"GET /readyz HTTP/1.0\r\n\r\n", "/readyz", ""),
        (b"GET /readyz HTTP/1.1\r\nhost:\r\n\r\n", "/readyz", ""),
        (b"\r\nGET /livez?verbose HTTP/1.1\r\nHost: a\r\n\r\n", "/livez", "verbose"),
        (b"GET http://a:1/livez?a=b HTTP/1.1\r\nHost: a\r\n\r\n", "/livez", "a=b"),
        (b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "/", ""),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", ""),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Y: \t\xff z\r\n\r\nmore", "/livez", ""),
    ],
)
def test_a_request_is_read_however_it_arrives(data, path, query):
    found = read(data)
    assert (found.path, found.query) == (path, query)
    end = data.index(b"\r\n\r\n", 2) + 4
    assert all(read(data[:size]) is None for size in range(end))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /readyz HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET /readyz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET /readyz HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", 400),
        (b"GET  /readyz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /readyz\r\nHost: a\r\n\r\n", 400),
        (b"GET /ready\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"G(T /readyz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /readyz HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        (b"GET /readyz HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET /readyz HTTP/1.1\r\nHost: a\x00\r\n\r\n", 400),
        (b"GET /readyz HTTP/1.1\nHost: a\r\n\r\n", 400),
        (b"GET /readyz HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET /readyz HTTP/1.1\r\nHost: a\r\nx: " + b"y" * HEAD_SIZE + b"\r\n\r\n", 431),
        (b"y" * HEAD_SIZE, 431),
    ],
)
def test_what_is_no_request_is_refused(data, status):
    with pytest.raises(RefusedError) as caught:
        read(data)
    [found] = read_responses(refusal(caught.value))
    assert found.status == caught.value.status == status


def test_a_head_of_just_that_size_is_read():
    start = b"GET /livez HTTP/1.0\r\nx: "
    data = start + b"y" * (HEAD_SIZE - len(start) - 4) + b"\r\n\r\n"
    assert len(data) == HEAD_SIZE
    assert read(data).path == "/livez"
    assert read(data[:-1]) is None


# Answering ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "target", "status", "text"),
    [
        (READY, "/livez", 200, "live\n"),
        (READY, "/readyz", 200, "ready\n"),
        (DRAINING, "/livez", 200, "live\n"),
        (DRAINING, "/readyz", 503, "not ready: draining\n"),
        (HUNG, "/livez", 503, "not live: worker 1 has not responded for 31s\n"),
        (HUNG, "/readyz", 200, "ready\n"),
    ],
)
def test_health_is_a_status_and_a_line(facts, target, status, text):
    found = response(facts, target)
    assert (found.status, found.body.decode()) == (status, text)
    assert found.values(b"cache-control") == [b"no-store"]
    assert found.values(b"connection") == [b"close"]
    [date] = found.values(b"date")
    assert date.endswith(b"GMT")


@pytest.mark.parametrize("target", ["/", "/healthz", "/readyz/", "/READYZ", "*", "/metrics/x"])
def test_anything_else_is_not_found(target):
    assert response(READY, target).status == 404
    assert response(READY, target, "POST").status == 404


@pytest.mark.parametrize("target", ["/livez", "/readyz", "/metrics"])
def test_other_methods_are_not_allowed(target):
    found = response(READY, target, "POST")
    assert found.status == 405
    assert found.values(b"allow") == [b"GET, HEAD"]


@pytest.mark.parametrize("target", ["/livez", "/readyz", "/readyz?verbose", "/metrics", "/other"])
def test_head_has_the_fields_of_get(target):
    get, head = response(DRAINING, target), response(DRAINING, target, "HEAD")
    assert head.body == b""
    assert head.status == get.status
    assert [field for field in head.headers if field[0] != b"date"] == [
        field for field in get.headers if field[0] != b"date"
    ]


def test_verbose_is_json():
    worker = WorkerFacts(
        number=2, process=77, state="ready", load=Load(connections=3, requests=5, waiting=1)
    )
    found = response(Facts(state="serving", workers=(worker,), restarts=4), "/readyz?verbose")
    assert found.values(b"content-type") == [b"application/json"]
    assert json.loads(found.body) == {
        "status": "ok",
        "reason": "",
        "state": "serving",
        "draining": False,
        "restarts": 4,
        "runtime": "",
        "workers": [
            {
                "worker": 2,
                "process": 77,
                "state": "ready",
                "silent": 0.0,
                "connections": 3,
                "requests": 4,
                "waiting": 1,
            }
        ],
    }
    assert json.loads(response(DRAINING, "/readyz?verbose").body)["status"] == "unavailable"


# Metrics ------------------------------------------------------------------------------------------


def samples(facts):
    text = response(facts, "/metrics").body.decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type != "unknown" for family in families)
    found = [
        ((sample.name, *sorted(sample.labels.items())), sample.value)
        for family in families
        for sample in family.samples
    ]
    assert len(found) == len(dict(found)), "a series stands there twice"
    return dict(found)


def test_metrics_are_what_prometheus_reads():
    found = response(READY, "/metrics")
    assert found.values(b"content-type") == [b"text/plain; version=0.0.4; charset=utf-8"]
    present = samples(READY)
    assert present["nonecorn_ready",] == 1
    assert present["nonecorn_draining",] == 0
    assert present["nonecorn_worker_restarts_total",] == 0
    assert samples(DRAINING)["nonecorn_ready",] == 0
    assert samples(DRAINING)["nonecorn_draining",] == 1


def test_an_old_worker_and_its_successor_count_as_one():
    facts = Facts(
        state="serving",
        workers=(
            WorkerFacts(
                number=1,
                process=10,
                state="leaving",
                load=Load(connections=2, requests=2, finished_2xx=10),
            ),
            WorkerFacts(
                number=1,
                process=11,
                state="ready",
                load=Load(connections=5, requests=4, waiting=3, finished_2xx=1),
                silent=2.5,
            ),
            WorkerFacts(number=2, process=12, state="ready", load=Load(finished_5xx=7)),
        ),
        past={1: Load(finished_2xx=100), 3: Load(finished_4xx=9)},
    )
    found = samples(facts)
    one, two, three = ("worker", "1"), ("worker", "2"), ("worker", "3")
    assert found["nonecorn_connections", one] == 7
    assert found["nonecorn_requests_running", one] == 3
    assert found["nonecorn_requests_waiting", one] == 3
    assert found["nonecorn_requests_total", ("class", "2xx"), one] == 111
    assert found["nonecorn_requests_total", ("class", "5xx"), two] == 7
    assert found["nonecorn_worker_silence_seconds", one] == 2.5
    assert found["nonecorn_worker_silence_seconds", two] == 0
    # Of who has gone for good only what was done remains: counters never go back.
    assert found["nonecorn_requests_total", ("class", "4xx"), three] == 9
    assert ("nonecorn_connections", three) not in found
    assert found["nonecorn_workers", ("state", "ready")] == 2
    assert found["nonecorn_workers", ("state", "leaving")] == 1
    assert found["nonecorn_workers", ("state", "starting")] == 0
