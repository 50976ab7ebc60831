"""Who imports whom, read from the sources; import-linter holds the same for indirect imports."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))

every_plugin = pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)


def imports_of(path: Path):
    """Dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            # `from nonecorn import spi` names the module in its list.
            yield from (
                f"{node.module}.{alias.name}" if node.module == "nonecorn" else node.module
                for alias in node.names
            )


def test_the_contract_imports_the_standard_library_and_pluggy_only():
    allowed = {*sys.stdlib_module_names, "pluggy"}
    for path in (ROOT / "nonecorn" / "spi").glob("**/*.py"):
        for name in imports_of(path):
            ours = name == "nonecorn.spi" or name.startswith("nonecorn.spi.")
            assert ours or name.partition(".")[0] in allowed, f"{path} imports {name}"


@every_plugin
def test_a_plugin_imports_the_contract_and_what_it_declares_to_build_on(plugin):
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
    declared = {f"nonecorn_{plugin.name}"} | {
        name.partition(">")[0].replace("-", "_")
        for name in project["dependencies"]
        if name.startswith("nonecorn-")
    }
    for path in plugin.glob("nonecorn_*/**/*.py"):
        for name in imports_of(path):
            top = name.partition(".")[0]
            if top == "nonecorn":
                # What a plugin offers to the tests of others may build on the kit.
                kit = path.stem == "testing" and name.startswith("nonecorn.testing")
                assert kit or name.startswith("nonecorn.spi"), f"{path} imports {name}"
            elif top.startswith("nonecorn_"):
                assert top in declared, f"{path} imports {name}, which its pyproject does not name"


def test_the_kernel_imports_no_plugin():
    for path in (ROOT / "nonecorn").glob("**/*.py"):
        for name in imports_of(path):
            assert not name.startswith("nonecorn_"), f"{path} imports {name}"


@pytest.mark.parametrize(
    "module",
    ["nonecorn.builtin.plugin", *(f"nonecorn_{plugin.name}.plugin" for plugin in PLUGINS)],
)
def test_a_descriptor_is_thin(module):
    program = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    # -S would leave out the editable installs; -I leaves out this run's environment.
    run = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, check=True, cwd=os.sep
    )
    loaded = json.loads(run.stdout)
    package = module.rpartition(".")[0]
    own = {package, module, f"{package}._settings"}
    for name in loaded:
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or name in own or top in {"__main__", "pluggy"}:
            continue
        allowed = name in {"nonecorn", "nonecorn._version", "nonecorn.spi"} or name.startswith(
            ("nonecorn.spi.", "_")
        )
        assert allowed or name in {"nonecorn.builtin", "sitecustomize"}, name
    heavy = {"asyncio", "ssl", "click", "importlib.metadata", "trio", "h11", "httptools", "uvloop"}
    assert not heavy & set(loaded)
