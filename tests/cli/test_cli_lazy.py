"""What help costs, told by what it imports: never by a clock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
before = set(sys.modules)
from nonecorn.cli.main import run
code = run(sys.argv[1:])
sys.stdout.flush()
print(json.dumps([code, sorted(set(sys.modules) - before)]), file=sys.stderr)
"""

LOOPS = {"asyncio", "ssl", "_ssl", "socket", "trio", "uvloop"}
ENGINES = {"h11", "h2", "httptools", "wsproto", "aioquic"}


def modules(tmp_path, *argv: str) -> tuple[str, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *argv],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code, found = json.loads(done.stderr)
    assert code == 0
    return done.stdout, set(found)


def plugins(found: set[str]) -> set[str]:
    return {name for name in found if name.startswith("nonecorn_")}


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["-h"]])
def test_help_imports_no_plugin_no_loop_and_no_metadata(tmp_path, argv):
    _, found = modules(tmp_path, *argv)
    assert not plugins(found)
    assert not found & (LOOPS | ENGINES | {"importlib.metadata", "pluggy", "tomllib"})
    assert {name for name in found if name.startswith("nonecorn.")} == {
        "nonecorn._output",
        "nonecorn._version",
        "nonecorn.cli",
        "nonecorn.cli.group",
        "nonecorn.cli.main",
    }


def test_serve_help_imports_descriptors_and_no_protocol_library(tmp_path):
    shown, found = modules(tmp_path, "serve", "--help")
    assert "--http1-early-hints" in shown
    assert not found & (LOOPS | ENGINES | {"importlib.metadata", "tomllib"})
    assert "nonecorn.serving" not in found
    assert {name.rsplit(".", 1)[-1] for name in plugins(found) if "." in name} <= {
        "plugin",
        "_settings",
    }


def test_config_show_imports_no_application_and_no_server(tmp_path):
    (tmp_path / "app_never_imported.py").write_text("raise SystemExit(9)\n")
    _, found = modules(tmp_path, "config", "show", "app_never_imported:app")
    assert "app_never_imported" not in found
    assert not found & (LOOPS | ENGINES)
    assert "nonecorn.serving" not in found


def test_a_worker_that_has_the_settings_classes_has_nothing_else_of_the_configuration(tmp_path):
    script = (
        "import sys, nonecorn.config.schema;"
        "print(*sorted(n for n in sys.modules if n.startswith('nonecorn.config')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["nonecorn.config", "nonecorn.config.schema"]
