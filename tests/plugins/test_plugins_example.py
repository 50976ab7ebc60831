"""The example distribution outside of the workspace: installed, listed, checked, tested."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nonecorn.testing import ServeProcess, raw_exchange

EXAMPLE = Path(__file__).parents[2] / "examples/plugin-echo"


@pytest.fixture
def echo(site):
    """The example as an installer would leave it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copytree(EXAMPLE / "nonecorn_echo", site.path / "nonecorn_echo")
    site.modules.add("nonecorn_echo")
    lines = [
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        *(f"License-File: {name}" for name in project["license-files"]),
        f"Keywords: {','.join(project['keywords'])}",
        *(f"Requires-Dist: {requirement}" for requirement in project["dependencies"]),
    ]
    site.distribution(
        project["name"],
        project["entry-points"]["nonecorn.plugins"],
        version=project["version"],
        metadata="".join(f"{line}\n" for line in lines),
    )
    return site


def test_it_is_listed_with_an_observer_and_a_middleware(echo):
    code, out, _ = echo.nonecorn("plugins")
    assert code == 0
    [line] = [line for line in out.splitlines() if line.startswith("echo ")]
    words = [
        "loaded",
        "middleware,",
        "observer,",
        "settings",
        "nonecorn-echo",
        "1.0.0",
        "third-party",
    ]
    assert line.split()[1:] == words


def test_it_passes_the_check(echo):
    code, out, _ = echo.nonecorn("plugins", "check", "echo")
    assert [line for line in out.splitlines() if not line.startswith("ok")] == []
    assert code == 0


def test_it_is_in_the_plan_where_it_is_configured(echo):
    from nonecorn.config import prepare
    from nonecorn.plan import compile_plan

    plugins, config = prepare(
        {"echo": {"prefix": "hi"}, "middleware": [{"use": "echo", "value": "x"}]}, environ={}
    )
    plan = compile_plan(config, plugins)
    assert "echo 1.0.0" in plan.plugins
    assert [spec.name for spec in plan.observers] == ["access_log", "echo"]
    [layer] = plan.middleware
    assert (layer.spec.name, layer.options) == ("echo", {"value": "x"})
    assert plan.settings["echo"].prefix == "hi"


def test_its_own_tests_pass(echo):
    shutil.copytree(EXAMPLE / "tests", echo.path / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", echo.path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        env=echo.environment(),
        cwd=echo.path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("http only")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


def test_a_server_uses_its_observer_and_its_middleware(echo):
    (echo.path / "app.py").write_text(APP)
    arguments = ["--middleware", "echo", "--echo-prefix", "seen"]
    with ServeProcess("app.py", arguments, cwd=echo.path, env=echo.environment()) as server:
        request = b"GET /here HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        answer = raw_exchange(server.address, request)
        server.terminate()
        assert server.wait() == 0
    assert answer.data.startswith(b"HTTP/1.1 200 ")
    assert answer.data.count(b"\r\nx-echo: /here\r\n") == 1
    assert server.output.splitlines().count("seen 1: GET /here 200") == 1
