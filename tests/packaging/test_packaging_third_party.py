"""A plugin from outside the repository, with its own entry point, is a plugin like ours."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
APP = ROOT / "examples" / "hello" / "app.py"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the example plugin installed, built away from the repository."""
    source = tmp_path_factory.mktemp("author") / "nonecorn-echo"
    shutil.copytree(ROOT / "examples" / "plugin-echo", source)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    [wheel] = (source / "dist").glob("*.whl")
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def command(site: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONUNBUFFERED": "1"}
    return [sys.executable, "-m", "nonecorn", *arguments], environment


def nonecorn(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line, environment = command(site, *arguments)
    return subprocess.run(
        line, env=environment, cwd=site, capture_output=True, text=True, check=False
    )


def test_it_is_listed_with_its_distribution(site):
    listed = nonecorn(site, "plugins", "--json")
    assert listed.returncode == 0, listed.stderr
    plugins = json.loads(listed.stdout)["plugins"]
    [echo] = [entry for entry in plugins if entry["name"] == "echo"]
    assert echo["state"] == "loaded"
    assert echo["distribution"] == "nonecorn-echo"
    assert echo["version"] == "1.0.0"
    assert echo["builtin"] is False


def test_its_settings_are_options_of_serve(site):
    assert "--echo-prefix" in nonecorn(site, "serve", "--help").stdout


def test_it_can_be_blocked(site):
    done = nonecorn(site, "serve", "--no-plugin", "echo", "--middleware", "echo", str(APP))
    assert done.returncode in {2, 3}
    assert "echo" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def served(site: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    line, environment = command(
        site,
        "serve",
        "-b",
        "127.0.0.1:0",
        "--middleware",
        "echo",
        "--echo-prefix",
        "seen",
        str(APP),
    )
    with subprocess.Popen(
        line,
        env=environment,
        cwd=site,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            for text in process.stdout:
                said += text
                if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", text):
                    yield found[0], process
                    break
            else:
                pytest.fail(said)
        finally:
            process.kill()


def test_its_middleware_and_its_observer_see_each_request(served):
    url, process = served
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/").headers["x-echo"] == "/"
        assert client.get("/nothing").headers["x-echo"] == "/nothing"
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "seen 1: GET / 200\nseen 2: GET /nothing 404\n" in rest
