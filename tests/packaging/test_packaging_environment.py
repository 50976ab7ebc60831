"""`scripts/environment.py`: what both of README's commands stand on."""

import importlib.util
import json
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "environment.py"


@pytest.fixture
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nonecorn_environment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_our_distributions_come_by_path_the_kernel_first(environment):
    lines = environment.requirements(["test"])
    own = [line for line in lines if line.startswith("-e ")]
    plugins = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
    assert own == ["-e .[all,testing]", *(f"-e ./plugins/{name}" for name in plugins)]
    # By name, an index would be asked, and it holds another project's nonecorn.
    assert not [line for line in lines if line.startswith("nonecorn")]


def test_included_groups_are_unfolded(environment):
    lines = environment.requirements(["dev"])
    names = {line.partition(">")[0] for line in lines}
    assert {"trustme", "ruff", "furo", "towncrier", "uv"} <= names


def test_serving_needs_no_group(environment):
    assert all(line.startswith("-e ") for line in environment.requirements([]))


def test_an_unknown_group_is_an_error_that_lists_the_known(environment):
    with pytest.raises(SystemExit, match="no dependency group 'tset': it has test, lint"):
        environment.requirements(["tset"])


def run(venv_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env={"SCRIPTS_VENV": str(venv_path), "PATH": "", "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_second_run_installs_nothing(environment, tmp_path):
    venv.create(tmp_path / "made", with_pip=False, symlinks=True)
    stamp = tmp_path / "made" / "nonecorn-environment.json"
    installed = {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "key": environment.fingerprint(lowest=False),
        "groups": environment.unfold(["dev"]),
    }
    stamp.write_text(json.dumps(installed))
    # `dev` includes `test`. With no index and no pip, an attempt to install would fail.
    done = run(tmp_path / "made", "test")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).parent.parent == tmp_path / "made"


def test_a_directory_that_is_no_environment_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("data")
    done = run(tmp_path)
    assert done.returncode == 1
    assert "exists and is no virtual environment" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
