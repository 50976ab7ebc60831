"""The benchmark's HTTP/3 client: what it encodes and reads, and that it tells right from wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pylsqpack
import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("the benchmark reads Linux's /proc", allow_module_level=True)

from bench.app import CHUNK, DOWNLOAD_CHUNKS, HELLO
from bench.certs import make_certificate
from bench.errors import BenchError
from bench.h3client import Answer, encode, read_varint, varint
from bench.h3load import probe_http3, run_h3load
from bench.probe import Request
from bench.scenarios import SCENARIOS
from bench.servers import HTTP3_PAIRS, HTTP3_SERVERS, Certificate
from bench.targets import TARGETS
from nonecorn.testing import ServeProcess

ROOT = Path(__file__).parents[2]
RESPONSE = b"\x01\x03\x00\x00\xd9" + b"\x21\x02xx" + b"\x00\x40\x4b" + b"b" * 75 + b"\x00\x01!"


@pytest.mark.parametrize("value", [0, 63, 64, 16383, 16384, 2**30 - 1, 2**30, 2**62 - 1])
def test_integers_are_written_and_read(value: int) -> None:
    written = varint(value)
    assert read_varint(b"x" + written + b"y", 1) == (value, 1 + len(written))
    assert read_varint(written[:-1], 0) is None


def test_a_request_is_what_it_says() -> None:
    request = Request(path="/" + "p" * 200, headers=(("X-Request-ID", "v" * 200),), body=b"body")
    frames = encode("127.0.0.1:4433", request)
    assert frames.endswith(b"\x00\x04body")
    (_, at), (size, begins) = read_varint(frames, 0), read_varint(frames, 1)
    assert at == 1
    _, fields = pylsqpack.Decoder(0, 0).feed_header(0, frames[begins : begins + size])
    assert fields == [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":path", request.path.encode()),
        (b":authority", b"127.0.0.1:4433"),
        (b"x-request-id", b"v" * 200),
    ]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50, 1000])
def test_an_answer_is_read_however_it_comes(step: int) -> None:
    answer = Answer(keep=True)
    for at in range(0, len(RESPONSE), step):
        answer.feed(RESPONSE[at : at + step])
    assert answer.ok
    assert answer.body == b"b" * 75 + b"!"
    assert answer.size == 76


def test_every_pair_and_target_over_http3_names_a_server_that_speaks_it() -> None:
    names = {spec.name for spec in HTTP3_SERVERS}
    assert len(names) == len(HTTP3_SERVERS)
    assert names.issuperset(name for pair in HTTP3_PAIRS for name in pair)
    scenarios = {scenario.name for scenario in SCENARIOS if scenario.servers is HTTP3_SERVERS}
    targets = [target for target in TARGETS if target.scenario in scenarios]
    assert {target.scenario for target in targets} == {"h3-get", "h3-download"}
    assert all({target.ours, target.peer} <= names for target in targets)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def port(certificate: Certificate):
    files = ["--certfile", str(certificate.chain), "--keyfile", str(certificate.key)]
    arguments = ["-p", "h3", "--app-dir", str(ROOT), *files]
    with ServeProcess("bench.app:app", arguments, cwd=ROOT) as server:
        yield server.port


def test_the_probe_accepts_the_right_answers(port: int) -> None:
    probe_http3(port, Request())
    probe_http3(port, Request(path="/upload", body=b"x" * 65536, expected=b"65536"))
    probe_http3(port, Request(path="/down", expected=CHUNK * DOWNLOAD_CHUNKS))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(expected=HELLO + b"!"), "13 bytes that are not the 14 expected"),
        (Request(path="/nowhere"), "no answer with status 200"),
    ],
)
def test_the_probe_refuses_wrong_answers(port: int, request_: Request, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        probe_http3(port, request_)


@pytest.mark.parametrize("vary", [False, True])
def test_load_counts_what_was_answered(port: int, vary: bool) -> None:
    load = run_h3load(port, Request(), seconds=0.3, connections=3, streams=4, vary=vary)
    assert load.requests > 20
    assert load.errors == 0
    assert load.requests * len(HELLO) <= load.size <= (load.requests + 12) * len(HELLO)


def test_load_counts_what_was_refused(port: int) -> None:
    load = run_h3load(port, Request(path="/nowhere"), seconds=0.3, connections=1, streams=2)
    assert (load.requests, load.errors > 0) == (0, True)
