"""The pytest plugin, run by pytest as a plugin author runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

SUITE = """
from nonecorn.spi import ConfigError
from nonecorn.testing import MemoryRuntime
from nonecorn.testing.conformance.middleware import MiddlewareConformance

def wrap(app, options, context):
    if "no_such_option" in options:
        raise ConfigError("no_such_option: unknown")
    async def middleware(scope, receive, send):
        {change}
        await app(scope, receive, send)
    return middleware

class TestMiddleware(MiddlewareConformance):
    middleware = staticmethod(wrap)

def test_fixture(memory_runtime, manual_clock, any_memory_runtime):
    assert memory_runtime.clock is manual_clock
"""


def run(tmp_path: Path, change: str, *args: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_suite.py").write_text(textwrap.dedent(SUITE).format(change=change))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "nonecorn.testing.plugin",
    ]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"}
    return subprocess.run(
        [*command, "--strict-markers", *args],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_kept_contract_passes(tmp_path: Path) -> None:
    done = run(tmp_path, "pass")
    assert done.returncode == 0, done.stdout
    assert "12 passed" in done.stdout


def test_a_broken_rule_shows_its_text_and_the_values(tmp_path: Path) -> None:
    done = run(tmp_path, "scope['mine'] = 1")
    assert "1 failed, 11 passed" in done.stdout
    assert "rule M2 of nonecorn's contract" in done.stdout
    assert "M2. The scope belongs to the caller" in done.stdout
    assert "'mine'" in done.stdout, "assertions of the kit are not rewritten"


def test_rules_are_selected_by_their_marker(tmp_path: Path) -> None:
    done = run(tmp_path, "pass", "-m", "nonecorn_rule")
    assert "10 passed, 2 deselected" in done.stdout
    assert "nonecorn_rule(number)" in run(tmp_path, "pass", "--markers").stdout


def test_nothing_but_the_conformance_kit_needs_pytest() -> None:
    code = (
        "import nonecorn.testing, nonecorn.testing.asgi, nonecorn.testing.apps, sys\n"
        "print([name for name in ('pytest', 'hypothesis', 'h11') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
