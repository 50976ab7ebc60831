"""`nonecorn serve` from the command line to the exit code."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

APP = """
async def app(scope, receive, send):
    raise AssertionError(scope["type"])
"""


@pytest.fixture
def serve(tmp_path):
    (tmp_path / "good_b.py").write_text(APP)
    (tmp_path / "raises_b.py").write_text("def setup():\n    1 / 0\nsetup()\n")

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("NONECORN_")}
        return subprocess.run(
            [sys.executable, "-m", "nonecorn", "serve", "-k", "asyncio", *argv],
            cwd=tmp_path,
            env=inherited,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize("target", ["gone_b:app", "good_b:gone", "gone.py:app", "a b"])
def test_an_application_that_is_not_there_is_one_line_and_exits_3(serve, target):
    found = serve(target, "-b", "127.0.0.1:0")
    assert found.returncode == 3
    assert found.stderr.startswith("nonecorn: error: ")
    assert "Traceback" not in found.stderr


def test_an_application_that_raises_shows_its_own_traceback_and_exits_3(serve):
    found = serve("raises_b:app", "-b", "127.0.0.1:0")
    assert found.returncode == 3
    assert "ZeroDivisionError" in found.stderr
    assert 'raises_b.py", line 2, in setup' in found.stderr
    assert f"nonecorn{os.sep}cli" not in found.stderr
    assert found.stderr.splitlines()[-1].startswith("nonecorn: error: ")


def test_a_port_in_use_is_one_line_and_exits_3(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = serve("good_b:app", "-b", f"127.0.0.1:{port}")
    assert found.returncode == 3
    last = found.stderr.splitlines()[-1]
    assert last.startswith("nonecorn: error: ")
    assert str(port) in last
    assert "Traceback" not in found.stderr


def test_an_unknown_worker_exits_3_and_says_what_there_is(serve):
    found = serve("good_b:app", "-k", "gevent")
    assert found.returncode == 3
    assert "gevent" in found.stderr
    assert "asyncio" in found.stderr


def test_app_dir_is_importable_and_the_application_may_be_named_in_the_file(serve, tmp_path):
    nested = tmp_path / "site"
    nested.mkdir()
    (nested / "inner_b.py").write_text("raise SystemExit('imported from app_dir')\n")
    (tmp_path / "nonecorn.toml").write_text('app = "inner_b:app"\napp_dir = "site"\n')
    found = serve("-b", "127.0.0.1:0")
    assert found.returncode != 0
    assert "imported from app_dir" in found.stderr
