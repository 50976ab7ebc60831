"""The benchmark's HTTP/2 client: what it reads from h2load, and who is measured."""

from __future__ import annotations

import shutil
import socket
import sys
import threading

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("the benchmark reads Linux's /proc", allow_module_level=True)

from bench.app import CHUNK, HELLO, MEBIBYTE_CHUNKS, app
from bench.errors import BenchError
from bench.h2load import parse, run_h2load
from bench.probe import Request
from bench.probe2 import probe_http2
from bench.scenarios import SCENARIOS
from bench.servers import HTTP2_PAIRS, HTTP2_SERVERS, Certificate, Listen
from bench.targets import TARGETS
from nonecorn.testing import serve_in_thread

OUTPUT = """\
starting benchmark...
Application protocol: h2c

finished in {time}, 2658.00 req/s, 117.80KB/s
requests: 5316 total, 5416 started, 5316 done, 5309 succeeded, 7 failed, 2 errored, 1 timeout
status codes: 5311 2xx, 0 3xx, 5 4xx, 0 5xx
traffic: 235.61KB (241264) total, 27.09KB (27745) headers (space savings 95.45%), 67.49KB \
(69108) data
                     min         max         mean         sd        +/- sd
time for request:    10.08ms     82.80ms     37.32ms      6.35ms    74.89%
"""


@pytest.mark.parametrize(
    ("time", "seconds"), [("2.50s", 2.5), ("950.25ms", 0.95025), ("870us", 0.00087), ("1.5m", 90)]
)
def test_the_summary_of_h2load_is_read(time: str, seconds: float) -> None:
    load = parse(OUTPUT.format(time=time), client_cpu=0.5, elapsed=2.0)
    assert (load.requests, load.errors, load.size) == (5309, 7, 69108)
    assert load.seconds == pytest.approx(seconds)
    assert load.client_busy == 0.25


def test_output_of_h2load_without_a_summary_is_an_error_that_shows_it() -> None:
    with pytest.raises(BenchError, match="Could not connect"):
        parse("Could not connect to the host\n", client_cpu=0, elapsed=1)


def test_every_pair_and_target_over_http2_names_a_server_that_speaks_it() -> None:
    names = {spec.name for spec in HTTP2_SERVERS}
    assert len(names) == len(HTTP2_SERVERS)
    assert names.issuperset(name for pair in HTTP2_PAIRS for name in pair)
    scenarios = {scenario.name for scenario in SCENARIOS if scenario.servers is HTTP2_SERVERS}
    targets = [target for target in TARGETS if target.scenario in scenarios]
    assert {target.scenario for target in targets} == {"h2-get", "h2-upload", "h2-download"}
    assert all((target.ours, target.peer) in HTTP2_PAIRS for target in targets)


def test_every_server_listens_where_it_is_told(tmp_path) -> None:
    files = Certificate(chain=tmp_path / "chain.pem", key=tmp_path / "key.pem")
    for spec in HTTP2_SERVERS:
        command = spec.command(Listen(port=4711, certificate=files))
        assert any("4711" in argument for argument in command)
        assert {str(files.chain), str(files.key)} <= set(command)


@pytest.fixture(scope="module")
def port():
    with serve_in_thread(app, plugin=["h2"]) as server:
        yield server.port


@pytest.mark.parametrize(
    "request_",
    [
        Request(),
        Request(path="/upload", body=b"x" * 65536, expected=b"65536"),
        Request(path="/mebibyte", expected=CHUNK * MEBIBYTE_CHUNKS),
    ],
    ids=lambda request: request.path,
)
def test_a_right_answer_passes_the_probe(port: int, request_: Request) -> None:
    probe_http2(Listen(port=port), request_)


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (Request(path="/nothing"), "status 404 instead of 200"),
        (Request(expected=HELLO + b"!"), "13 bytes that are not the 14 expected"),
    ],
)
def test_a_wrong_answer_does_not(port: int, request_: Request, problem: str) -> None:
    with pytest.raises(BenchError, match=problem):
        probe_http2(Listen(port=port), request_)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_without_http2_does_not_pass_the_probe(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(BenchError):
            probe_http2(Listen(port=listener.getsockname()[1]), Request())
        thread.join(20)


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load, of nghttp2, is not installed")
@pytest.mark.parametrize("vary", [False, True])
def test_h2load_runs_for_its_time_and_counts(port: int, tmp_path, vary: bool) -> None:
    url = f"http://127.0.0.1:{port}/"
    urls = tmp_path / "urls"
    urls.write_text("".join(f"{url}?{number}\n" for number in range(10)))
    load = run_h2load(url, seconds=1, connections=2, streams=2, urls=urls if vary else None)
    assert load.requests > 4
    assert load.errors == 0
    assert load.size >= (load.requests - 4) * len(HELLO)
    assert 0.9 < load.seconds < 10


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load, of nghttp2, is not installed")
def test_h2load_counts_refusals_as_errors(port: int) -> None:
    url = f"http://127.0.0.1:{port}/nothing"
    load = run_h2load(url, seconds=1, connections=1, streams=1)
    assert load.requests == 0
    assert load.errors > 0
