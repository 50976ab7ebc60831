"""What Quart and Litestar do beyond requests and responses, on each worker."""

import hashlib
import subprocess

import httpx
import pytest
from websockets.sync.client import connect

from tests.examples.conftest import combinations

UPLOAD = bytes(range(256)) * 40_000  # 10 MB: more than anybody holds of it at a time
TASKS = {
    "quart": ("/notices", {"text": "tea at six"}, "tea at six"),
    "litestar": ("/books", {"title": "Persuasion", "pages": 249}, "Persuasion"),
}
MESSAGES = ["tea", "😀 " * 500, "x" * 200_000]


pytestmark = pytest.mark.parametrize(
    "server", [each for each in combinations() if each[0] in TASKS], indirect=True, ids="-".join
)


def sent(client, app):
    answer = client.get({"quart": "/notices", "litestar": "/mails"}[app]).json()
    return answer["sent"] if app == "quart" else answer


def test_a_form_with_files_is_uploaded(server, curl, tmp_path):
    (tmp_path / "large").write_bytes(UPLOAD)
    (tmp_path / "small").write_bytes(b"tea")
    files = [part for name in ("large", "small") for part in ("-F", f"file=@{tmp_path / name}")]
    run = subprocess.run(
        [
            curl,
            "-sS",
            "--fail",
            "--max-time",
            "30",
            "--noproxy",
            "*",
            *files,
            f"{server.url}/upload",
        ],
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert httpx.Response(200, content=run.stdout).json() == {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in (("large", UPLOAD), ("small", b"tea"))
    }


def test_a_stream_comes_in_pieces(server):
    with (
        httpx.Client(base_url=server.url, trust_env=False) as client,
        client.stream("GET", "/stream") as response,
    ):
        assert "content-length" not in response.headers
        assert list(response.iter_lines())[9] == "piece 10 of 10"


def test_a_websocket_says_everything_back(server):
    url = f"{server.url.replace('http', 'ws', 1)}/ws"
    protocols = ["echo"] if server.app == "quart" else None
    with (
        connect(url, proxy=None, subprotocols=protocols) as first,
        connect(url, proxy=None) as other,
    ):
        assert first.subprotocol == ("echo" if protocols else None)
        for message in MESSAGES:
            first.send(message)
            other.send(f"{message}!")
            assert first.recv(timeout=20) == message
            assert other.recv(timeout=20) == f"{message}!"


def test_a_task_runs_after_the_response(server):
    path, body, result = TASKS[server.app]
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        assert client.post(path, json=body).status_code == 201
        while result not in sent(client, server.app):
            pass  # each turn is a request; the test's time limit ends it
