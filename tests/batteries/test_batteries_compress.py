"""Compressed responses, read by clients that know nothing of this server."""

from __future__ import annotations

import gzip
import subprocess
import zlib
from pathlib import Path

import httpx
import pytest

from tests.batteries.batteryapp import TEXT
from tests.batteries.conftest import Serve
from tests.e2e.conftest import curl  # noqa: F401  # a fixture

COMPRESS = """
[[middleware]]
use = "compress"
"""


def fill(directory: Path) -> None:
    (directory / "file.txt").write_bytes(TEXT * 10)


def raw(client: httpx.Client, url: str, accepted: str) -> tuple[httpx.Response, bytes]:
    with client.stream("GET", url, headers={"accept-encoding": accepted}) as response:
        return response, b"".join(response.iter_raw())


def test_bodies_are_compressed(shared: Serve, client: httpx.Client) -> None:
    server = shared(COMPRESS)
    for path, expected in (("/text", TEXT), ("/pieces", TEXT * 20), ("/path", TEXT * 10)):
        response, body = raw(client, f"{server.url}{path}", "gzip")
        assert response.headers["content-encoding"] == "gzip"
        assert response.headers["vary"] == "accept-encoding"
        assert gzip.decompress(body) == expected
        assert len(body) < len(expected) / 20
    response, body = raw(client, f"{server.url}/text", "identity")
    assert body == TEXT
    assert response.headers["vary"] == "accept-encoding"
    assert "Traceback" not in server.errors


def test_curl_reads_every_coding(shared: Serve, curl: str) -> None:  # noqa: F811
    server = shared(COMPRESS)
    known = subprocess.run([curl, "-V"], capture_output=True, check=True).stdout
    codings = ["gzip"] + [
        name for name, word in (("br", b"brotli"), ("zstd", b"zstd")) if word in known
    ]
    for coding in codings:
        for path, expected in (("/text", TEXT), ("/pieces", TEXT * 20)):
            command = [curl, "-sS", "--compressed", "-H", f"accept-encoding: {coding}", "-D", "-"]
            done = subprocess.run(
                [*command, f"{server.url}{path}"], capture_output=True, check=True, timeout=30
            )
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            assert f"content-encoding: {coding}".encode() in head.lower()
            assert body == expected


def test_head_says_what_get_does(shared: Serve, client: httpx.Client) -> None:
    server = shared(COMPRESS)
    head = client.head(f"{server.url}/text", headers={"accept-encoding": "gzip"})
    assert head.headers["content-encoding"] == "gzip"
    assert head.content == b""


@pytest.mark.parametrize("types", ["", 'types = ["text/event-stream"]'])
def test_events_arrive_when_they_are_sent(shared: Serve, client: httpx.Client, types: str) -> None:
    server = shared(COMPRESS + types)
    headers = {"accept-encoding": "gzip"}
    # The application waits for the client to go: what is read here was sent before the end.
    with client.stream("GET", f"{server.url}/events", headers=headers) as response:
        assert ("content-encoding" in response.headers) == bool(types)
        decode = zlib.decompressobj(31).decompress if types else bytes
        found = b""
        for piece in response.iter_raw():
            found += decode(piece)
            if found == b"data: 1\n\n":
                break
    assert found == b"data: 1\n\n"
