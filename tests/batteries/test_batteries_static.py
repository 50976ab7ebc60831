"""Files over real connections: what arrives is what is on the disk."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.batteries.conftest import CLEAR, Serve
from tests.e2e.conftest import curl  # noqa: F401  # a fixture

LARGE = bytes(range(256)) * 12000
TEXT = b"the quick brown fox\n" * 50000
PRESSED = gzip.compress(b"pressed", mtime=0)

STATIC = """
[[middleware]]
use = "static"
directory = "public"
prefix = "/files"
"""


def fill(directory: Path) -> None:
    public = directory / "public"
    public.mkdir()
    (directory / "secret").write_bytes(b"secret")
    (public / "small.txt").write_bytes(b"small")
    (public / "large.bin").write_bytes(LARGE)
    (public / "large.txt").write_bytes(TEXT)
    (public / "app.js").write_bytes(b"plain")
    (public / "app.js.gz").write_bytes(PRESSED)


def test_files_arrive_whole_and_in_parts(shared: Serve, client: httpx.Client) -> None:
    server = shared(STATIC)
    url = f"{server.url}/files"
    assert client.get(f"{url}/small.txt").content == b"small"
    large = client.get(f"{url}/large.bin")
    assert large.content == LARGE
    assert large.headers["content-length"] == str(len(LARGE))
    part = client.get(f"{url}/large.bin", headers={"range": "bytes=1000000-2999999"})
    assert (part.status_code, part.content) == (206, LARGE[1000000:3000000])
    parts = client.get(f"{url}/large.bin", headers={"range": "bytes=10-19,-300000"})
    assert parts.status_code == 206
    assert LARGE[10:20] in parts.content
    assert LARGE[-300000:] in parts.content
    assert len(parts.content) == int(parts.headers["content-length"])
    head = client.head(f"{url}/large.bin")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(LARGE)))
    assert client.get(f"{url}/large.bin", headers={"range": "bytes=9999999-"}).status_code == 416
    etag = large.headers["etag"]
    again = client.get(f"{url}/large.bin", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{url}/gone").content == b"Hello, world!"
    assert "Traceback" not in server.errors


def test_curl_resumes_a_download(shared: Serve, tmp_path: Path, curl: str) -> None:  # noqa: F811
    server = shared(STATIC)
    half = tmp_path / "half.bin"
    half.write_bytes(LARGE[:1_500_000])
    for protocol in ("--http1.1", "--http2-prior-knowledge"):
        target = tmp_path / "target.bin"
        shutil.copy(half, target)
        command = [curl, "-sS", "-f", protocol, "-C", "-", "-o", str(target)]
        subprocess.run([*command, f"{server.url}/files/large.bin"], check=True, timeout=30)
        assert target.read_bytes() == LARGE


def test_curl_cannot_leave_the_directory(shared: Serve, tmp_path: Path, curl: str) -> None:  # noqa: F811
    server = shared(STATIC)
    for path in (
        "../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "%2e%2e%2fsecret",
        "%252e%252e/secret",
    ):
        command = [curl, "-sS", "--path-as-is", f"{server.url}/files/{path}"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=30)
        assert done.stdout == b"Hello, world!"


def test_nghttp_gets_many_files_at_once(shared: Serve) -> None:
    program = shutil.which("nghttp")
    if program is None:
        pytest.skip("nghttp is not installed")
    server = shared(STATIC)
    names = ("large.bin", "small.txt", "app.js")
    urls = [f"{server.url}/files/{name}?{n}" for n in range(3) for name in names]
    done = subprocess.run([program, "-ns", *urls], capture_output=True, check=True, timeout=30)
    assert done.stdout.count(b" 200 ") == len(urls)


def test_forms_beside_a_file_are_served(shared: Serve, client: httpx.Client) -> None:
    server = shared(STATIC)
    url = f"{server.url}/files/app.js"
    with client.stream("GET", url, headers={"accept-encoding": "gzip"}) as response:
        assert b"".join(response.iter_raw()) == PRESSED
        assert response.headers["content-encoding"] == "gzip"
    assert client.get(url, headers={"accept-encoding": "identity"}).content == b"plain"


def test_what_is_compressed_on_the_way_is_the_file(shared: Serve, client: httpx.Client) -> None:
    server = shared('[[middleware]]\nuse = "compress"\n' + STATIC)
    response = client.get(f"{server.url}/files/large.txt", headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["etag"].startswith("W/")
    assert response.content == TEXT
    binary = client.get(f"{server.url}/files/large.bin", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in binary.headers
    assert binary.content == LARGE


def test_a_directory_is_served_without_an_application(shared: Serve, client: httpx.Client) -> None:
    server = shared(STATIC, app=None)
    assert client.get(f"{server.url}/files/small.txt").content == b"small"
    assert client.get(f"{server.url}/files/gone").status_code == 404


def test_a_directory_is_relative_to_the_file_that_names_it(shared: Serve) -> None:
    server = shared(STATIC)  # which was started in the directory above
    assert (
        httpx.get(f"{server.url}/files/small.txt", trust_env=False, verify=CLEAR).content
        == b"small"
    )
