"""Foreign clients: curl, nghttp, h2load and Chromium, on every worker."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess

import pytest

BODY = bytes(range(256)) * 4096
"""1 MiB: curl asks with `Expect: 100-continue` over HTTP/1.1 only."""


def run(*command: str, **more) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, timeout=50, check=False, **more)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    return done


@pytest.fixture
def curl(program):
    return (program("curl"), "-sS", "--fail", "--max-time", "20", "--noproxy", "*")


# curl ---------------------------------------------------------------------------------------------

VERSION = ("-w", " %{http_version} %{num_connects}\\n")


def test_curl_over_tls(server, curl, certificates):
    trust = ("--cacert", str(certificates / "ca.pem"))
    done = run(*curl, *trust, "--http2", *VERSION, f"{server.secure}/", f"{server.secure}/tag?b")
    assert done.stdout == b"hello 2 1\nb 2 0\n"


def test_curl_with_prior_knowledge(server, curl):
    # One address: curl 7.88 fails with the second of a connection, whatever the server.
    done = run(*curl, "--http2-prior-knowledge", *VERSION, f"{server.clear}/")
    assert done.stdout == b"hello 2 1\n"


def test_curl_upgrades_to_h2c(server, curl):
    urls = (f"{server.clear}/", f"{server.clear}/tag?b")
    done = run(*curl, "--http2", "-v", *VERSION, *urls)
    assert done.stdout == b"hello 2 1\nb 2 0\n"
    assert b"< HTTP/1.1 101" in done.stderr


@pytest.mark.parametrize("over", ["secure", "clear"])
def test_curl_uploads_and_downloads_much(server, curl, certificates, tmp_path, over):
    sent = tmp_path / "sent"
    sent.write_bytes(BODY)
    url = getattr(server, over)
    how = ("--cacert", str(certificates / "ca.pem"), "--http2-prior-knowledge")
    how = how if over == "clear" else (*how[:2], "--http2")
    done = run(*curl, *how, "--data-binary", f"@{sent}", f"{url}/digest")
    assert json.loads(done.stdout) == {
        "size": len(BODY),
        "sha256": hashlib.sha256(BODY).hexdigest(),
    }
    assert run(*curl, *how, "--data-binary", f"@{sent}", f"{url}/echo").stdout == BODY
    assert run(*curl, *how, f"{url}/download?{len(BODY)}").stdout == BODY


def test_curl_uploads_by_h2c_upgrade_only_after_it(server, curl):
    """A request with a body is not upgraded (it is served over HTTP/1.1)."""
    done = run(*curl, "--http2", "-d", "small", *VERSION, f"{server.clear}/echo")
    assert re.fullmatch(rb"small (1\.1|2) 1\n", done.stdout)


def test_curl_sees_early_hints(server, curl):
    done = run(*curl, "--http2-prior-knowledge", "-i", f"{server.clear}/hints")
    text = done.stdout.decode()
    assert text.count("HTTP/2 103") == 2
    assert "link: </a.css>; rel=preload" in text
    assert text.endswith("hinted")


def test_curl_sees_trailers(server, curl):
    how = ("--http2-prior-knowledge", "-i", "-H", "TE: trailers")
    done = run(*curl, *how, f"{server.clear}/trailers")
    assert b"\r\n\r\nbody" in done.stdout
    assert b"x-sum: 42" in done.stdout


def test_curl_head(server, curl):
    done = run(*curl, "--http2-prior-knowledge", "-I", f"{server.clear}/")
    assert b"HTTP/2 200" in done.stdout
    assert b"content-length: 5" in done.stdout


@pytest.mark.parametrize("how", ["pathsend", "zerocopysend"])
def test_curl_gets_files(server, curl, how):
    done = run(*curl, "--http2-prior-knowledge", f"{server.clear}/file?{how}")
    assert done.stdout == bytes(range(256)) * 1024


# nghttp and h2load --------------------------------------------------------------------------------


def test_nghttp_gets_many_at_once(server, program):
    urls = [f"{server.clear}/tag?{number}" for number in range(30)]
    done = run(program("nghttp"), "-v", "--no-dep", *urls)
    assert done.stdout.count(b":status: 200") == 30
    assert b"RST_STREAM" not in done.stdout


def test_nghttp_upgrades(server, program):
    done = run(program("nghttp"), "-v", "-u", f"{server.clear}/tag?upgraded")
    assert b"HTTP Upgrade success" in done.stdout
    assert b"upgraded" in done.stdout


def test_nghttp_sees_early_hints(server, program):
    done = run(program("nghttp"), "-v", f"{server.clear}/hints")
    assert done.stdout.count(b":status: 103") == 2
    assert b"link: </b.js>; rel=preload" in done.stdout


def test_nghttp_over_tls_with_its_tree_of_priorities(server, program):
    done = run(program("nghttp"), "-v", f"{server.secure}/", f"{server.secure}/download?300000")
    assert b"The negotiated protocol: h2" in done.stdout
    assert b"PRIORITY" in done.stdout
    assert done.stdout.count(b":status: 200") == 2


def test_nghttp_sends_trailers_and_small_windows(server, program, tmp_path):
    sent = tmp_path / "sent"
    sent.write_bytes(b"body")
    done = run(program("nghttp"), "-v", "--trailer", "x-sum: 7", "-d", str(sent), "-w", "10", "-W",
               "12", f"{server.clear}/request-trailers")  # fmt: skip
    assert b'[["x-sum", "7"]]' in done.stdout


def test_nghttp_ends_with_the_last_frame_of_data(server, program):
    """END_STREAM comes with the data, not in an empty frame after it."""
    done = run(program("nghttp"), "-v", "-n", f"{server.clear}/")
    frames = re.findall(rb"recv DATA frame <length=(\d+), flags=(0x\d+)", done.stdout)
    assert frames == [(b"5", b"0x01")]


@pytest.mark.parametrize("over", ["secure", "clear"])
def test_h2load(server, program, over):
    url = getattr(server, over)
    done = run(program("h2load"), "-n", "600", "-c", "4", "-m", "20", f"{url}/")
    assert b"600 total, 600 started, 600 done, 600 succeeded, 0 failed" in done.stdout


def test_h2load_uploads(server, program, tmp_path):
    sent = tmp_path / "sent"
    sent.write_bytes(BODY[:65536])
    done = run(
        program("h2load"),
        "-n",
        "100",
        "-c",
        "2",
        "-m",
        "10",
        "-d",
        str(sent),
        f"{server.clear}/echo",
    )
    assert b"100 done, 100 succeeded, 0 failed" in done.stdout


# Chromium -----------------------------------------------------------------------------------------


def test_chromium(server, program, tmp_path):
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--no-proxy-server", "--disable-background-networking", "--disable-component-update",
        "--disable-dev-shm-usage", "--disable-sync", "--ignore-certificate-errors",
        f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000", "--dump-dom",
    ]  # fmt: skip
    environ = {**os.environ, "HOME": str(tmp_path)}
    done = run(program("chromium"), *flags, f"{server.secure}/page", env=environ)
    numbers = " ".join(str(number) for number in range(20))
    assert f"fetched {numbers} by h2".encode() in done.stdout
