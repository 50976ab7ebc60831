"""Build every distribution; install from the wheels alone, as users do; serve from there.

The workspace hides mistakes that only metadata has: a requirement that no range meets, a file that
is in no wheel, a missing entry point. So: sdists and wheels of all distributions go to
`build/wheels`, what they need from elsewhere to `build/dependencies`, and each case gets a clean
environment that may take packages from these two directories only (an index holds another
project's `nonecorn`). There pip's own check, the identity of what was installed, the list of
plugins and a served request must be right. One case adds
`examples/plugin-echo`, built as a third party builds it: away from this repository, against the
installed kernel.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from environment import pip_of, run

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
WHEELS = BUILD / "wheels"
DEPENDENCIES = BUILD / "dependencies"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"

# The identity of what was installed: told from the other `nonecorn` by what only ours has.
IDENTITY = """
import importlib.metadata, json, pathlib, sys
import nonecorn
found = importlib.metadata.distribution("nonecorn")
plugins = importlib.metadata.entry_points(group="nonecorn.plugins")
json.dump({
    "version": found.version,
    "summary": found.metadata["Summary"],
    "builtin": [e.value for e in plugins if e.name == "builtin" and e.dist.name == "nonecorn"],
    "inside": pathlib.Path(nonecorn.__file__).is_relative_to(sys.prefix),
}, sys.stdout)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One clean environment.

    Attributes:
        requirement: What is installed.
        plugins: Plugins that must be there, beside those of every installation.
        options: Of `nonecorn serve`.
        third_party: Whether the example plugin is built and added.
        fields: Further response fields that there must be, in lower case.
    """

    requirement: str
    plugins: frozenset[str]
    options: tuple[str, ...]
    third_party: bool = False
    fields: tuple[str, ...] = ()


ALWAYS = frozenset({"builtin", "asgi", "asyncio", "h11", "http1"})
CASES = {
    "bare": Case(requirement="nonecorn", plugins=frozenset(), options=(), third_party=True),
    "trio": Case(
        requirement="nonecorn[trio]", plugins=frozenset({"trio"}), options=("--worker", "trio")
    ),
    "standard": Case(
        requirement="nonecorn[standard]",
        plugins=frozenset({"h2", "httptools", "uvloop", "ws"}),
        options=("--worker", "uvloop", "--plugin", "httptools"),
    ),
    "h3": Case(
        requirement="nonecorn[h3,dev-tls]",
        plugins=frozenset({"dev_tls", "h3"}),
        options=("--plugin", "h3", "--dev-tls"),
        fields=("alt-svc: h3=",),  # said where the listener for it was opened
    ),
}


def main() -> None:
    """Build, then go through the cases."""
    for directory in (WHEELS, DEPENDENCIES):
        shutil.rmtree(directory, ignore_errors=True)
    build = ["uv", "build", "--quiet", "--all-packages", "--out-dir", str(WHEELS)]
    run([sys.executable, "-m", *build])
    expected = 1 + len(list(ROOT.glob("plugins/*/pyproject.toml")))
    for pattern in ("nonecorn*.tar.gz", "nonecorn*.whl"):
        found = len(list(WHEELS.glob(pattern)))
        ensure(found == expected, f"{found} of {expected} {pattern}")
    download()
    for name, case in CASES.items():
        print(f"--> {name}: {case.requirement}", flush=True)
        check(BUILD / f"clean-{name}", case)


def download() -> None:
    """Fetch what our wheels need from elsewhere; ours come by path, so no index is asked."""
    ours = sorted(str(path) for path in WHEELS.glob("*.whl"))
    ours.sort(key=lambda path: not Path(path).name.startswith("nonecorn-"))  # the kernel first
    pinned = ["--constraint", str(ROOT / "constraints.txt")]
    # What the third party builds and tests with.
    theirs = ["hatchling>=1.27", "pytest>=8", "hypothesis>=6"]
    download = [*pip_of(Path(sys.executable)), "download", "--quiet", "--dest", str(DEPENDENCIES)]
    subprocess.run([*download, *pinned, *ours, *theirs], check=True)
    for path in DEPENDENCIES.glob("nonecorn*"):
        path.unlink()  # pip copies what it was given


def check(venv: Path, case: Case) -> None:
    """Install one case and hold it to its promises."""
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / SCRIPTS / "python")
    sources = ["--no-index", "--find-links", str(WHEELS), "--find-links", str(DEPENDENCIES)]
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *sources, case.requirement], check=True)
    if case.third_party:
        example = venv / "plugin-echo"  # outside the workspace, as its author has it
        shutil.copytree(ROOT / "examples" / "plugin-echo", example)
        subprocess.run([*pip, "install", *sources, f"{example}[test]"], check=True)
        subprocess.run([python, "-m", "pytest", "-q"], check=True, cwd=example)
    subprocess.run([python, "-m", "pip", "check"], check=True)

    identity = json.loads(output(python, "-I", "-c", IDENTITY))
    ensure(int(identity["version"].partition(".")[0]) >= 1, f"version {identity['version']}")
    ensure(identity["summary"].startswith("A plugin-based server"), identity["summary"])
    ensure(identity["builtin"] == ["nonecorn.builtin.plugin"], str(identity))
    ensure(identity["inside"], "imported from elsewhere")

    nonecorn = str(venv / SCRIPTS / "nonecorn")
    listed = json.loads(output(nonecorn, "plugins", "--json"))["plugins"]
    names = {entry["name"] for entry in listed if entry["state"] == "loaded"}
    wanted = ALWAYS | case.plugins | ({"echo"} if case.third_party else set())
    ensure(names == wanted, f"plugins {sorted(names)}, not {sorted(wanted)}")

    options = (*case.options, *(("--middleware", "echo") if case.third_party else ()))
    head, body = serve_and_ask(nonecorn, options)
    ensure(" 200" in head.partition("\n")[0] and "<h1>It serves.</h1>" in body, head)
    ensure(("x-echo: /\n" in head.lower() + "\n") is case.third_party, head)
    for field in case.fields:
        ensure(f"\n{field}" in head.lower(), f"no {field} in {head}")


def serve_and_ask(nonecorn: str, options: Sequence[str]) -> tuple[str, str]:
    """Head and body of the page that a server from this installation gives to curl."""
    app = str(ROOT / "examples" / "hello" / "app.py")
    command = [nonecorn, "serve", "--bind", "127.0.0.1:0", *options, app]
    environment = {**os.environ, "XDG_DATA_HOME": str(BUILD / "data")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=BUILD,
        env=environment,
    ) as server:  # fmt: skip
        try:
            url = address(server)
            # A certificate made for development is signed by nobody that curl knows.
            curl = ["curl", "-sSik", "--noproxy", "*", "--max-time", "20", f"{url}/"]
            head, _, body = output(*curl).replace("\r\n", "\n").partition("\n\n")
        finally:
            server.send_signal(signal.SIGINT)
            rest, _ = server.communicate(timeout=30)
    ensure(server.returncode == 0, f"exit code {server.returncode}\n{rest}")
    return head, body


def address(server: subprocess.Popen[str]) -> str:
    """The URL in what the server says as it starts."""
    said = []
    for line in server.stdout or ():
        said.append(line)
        if found := re.search(r"https?://127\.0\.0\.1:[1-9]\d*", line):
            return found[0]
    sys.exit(f"the server ended without an address:\n{''.join(said)}")


def output(*command: str) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=BUILD)
    return done.stdout


def ensure(condition: bool, message: str) -> None:
    """End with a message where something does not hold."""
    if not condition:
        sys.exit(f"wheels: {message}")


if __name__ == "__main__":
    main()
