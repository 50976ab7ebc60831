"""Health checks on the application's own address, up to the end of the server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.batteries.conftest import CLEAR, Serve

HEALTH = """
[[middleware]]
use = "health"
"""


@pytest.fixture
def asking() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20, trust_env=False, verify=CLEAR) as client:
        yield client


def test_both_answer_and_are_in_no_log(serve: Serve, client: httpx.Client) -> None:
    server = serve(HEALTH)
    assert client.get(f"{server.url}/healthz").text == "live\n"
    assert client.get(f"{server.url}/readyz").text == "ready\n"
    assert client.head(f"{server.url}/readyz").status_code == 200
    assert client.post(f"{server.url}/readyz").status_code == 405
    assert client.get(f"{server.url}/other").text == "Hello, world!"
    client.close()
    server.terminate()
    assert server.wait() == 0
    assert '"GET /other' in server.output
    assert "readyz" not in server.output


@pytest.mark.parametrize("check", ["check", "check_soon"])
def test_readiness_is_the_applications_too(
    serve: Serve, client: httpx.Client, tmp_path: Path, check: str
) -> None:
    (tmp_path / "ready").touch()
    server = serve(f'{HEALTH}check = "batteryapp:{check}"\ncheck_cache = 0\n')
    assert client.get(f"{server.url}/readyz").status_code == 200
    (tmp_path / "ready").unlink()
    answer = client.get(f"{server.url}/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready: the check says no\n")
    assert client.get(f"{server.url}/healthz").status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="driven by POSIX signals")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_server_that_is_going_to_end_says_so_while_it_serves(
    serve: Serve, asking: httpx.Client, workers: int
) -> None:
    server = serve(HEALTH, "--drain-delay", "20s", "--workers", str(workers))
    assert asking.get(f"{server.url}/readyz").status_code == 200
    assert asking.get(f"{server.url}/draining").text == "False"
    server.terminate()
    while (answer := asking.get(f"{server.url}/readyz")).status_code == 200:
        pass
    assert answer.text == "not ready: draining\n"
    assert asking.get(f"{server.url}/draining").text == "True"
    asking.close()
    server.terminate()  # a second one skips the rest of the delay
    assert server.wait() == 0
