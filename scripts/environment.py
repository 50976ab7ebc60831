"""Make `.venv` with nonecorn, every plugin and the named dependency groups in it.

    python3 scripts/environment.py [--pip] [--lowest] [GROUP ...]

Needs Python and pip alone, and prints the path of the environment's interpreter. pip installs uv,
which does the rest in a twentieth of the time; where there is no uv for the platform, or with
`--pip`, pip does it. All distributions of this repository are installed by path in one command: an
index is then never asked for them, where another project's `nonecorn` lies. Versions come from
`constraints.txt`; `--lowest` takes the lowest direct versions that the requirements allow instead.
Groups are those of pyproject.toml. What was installed is written down, so a second run with nothing
changed costs a tenth of a second. An environment made by another minor version of Python is made
anew.

Environment:
    SCRIPTS_VENV: Where to make it; `.venv` in the repository otherwise. (`NONECORN_*` is the
        server's, which refuses names that it does not know.)
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


def main() -> None:
    """Bring the environment up to date, and print its interpreter."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lowest", action="store_true", help="lowest direct versions")
    parser.add_argument("--pip", action="store_true", help="do without uv")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="as in pyproject.toml")
    arguments = parser.parse_args()

    venv = Path(os.environ.get("SCRIPTS_VENV") or ROOT / ".venv").absolute()
    python = venv / SCRIPTS / ("python.exe" if os.name == "nt" else "python")
    stamp = venv / "nonecorn-environment.json"
    before = read_stamp(stamp)
    if not before and venv.exists() and not (venv / "pyvenv.cfg").exists():
        sys.exit(f"{venv} exists and is no virtual environment: remove it, or set SCRIPTS_VENV")
    groups = unfold([*before.get("groups", ()), *arguments.groups])
    wanted = {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "key": fingerprint(lowest=arguments.lowest),
        "groups": groups,
    }
    if before != wanted or not python.exists():
        stamp.unlink(missing_ok=True)
        if not python.exists() or before.get("python", wanted["python"]) != wanted["python"]:
            say(f"making {venv} for Python {wanted['python']}")
            create(venv)
        install(venv, python, groups, by_uv=not arguments.pip, lowest=arguments.lowest)
        run([str(python), "-m", "compileall", "-qq", "-j", "0", *(str(each) for each in sources())])
        stamp.write_text(json.dumps(wanted), encoding="utf-8")
    print(python)


def read_stamp(stamp: Path) -> dict[str, Any]:
    """What the last complete run installed; empty where there was none."""
    try:
        found = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def projects() -> list[Path]:
    """Directories of all distributions, the kernel's first."""
    return [ROOT, *(path.parent for path in sorted(ROOT.glob("plugins/*/pyproject.toml")))]


def sources() -> list[Path]:
    """Directories with what is installed from here; nobody else compiles it."""
    return [ROOT / "nonecorn", *ROOT.glob("plugins/*/nonecorn_*")]


def tables(project: Path) -> dict[str, Any]:
    """A distribution's pyproject.toml."""
    import tomllib  # noqa: PLC0415  # with an older Python, the message below must come first

    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))


def fingerprint(*, lowest: bool) -> str:
    """Changes when what is to be installed does, or where from."""
    digest = hashlib.sha256(f"{ROOT} {lowest}".encode())
    for project in projects():
        found = tables(project)
        for name in ("build-system", "project", "dependency-groups"):
            digest.update(json.dumps(found.get(name)).encode())
    for path in (ROOT / "constraints.txt", ROOT / "nonecorn" / "_version.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def unfold(groups: list[str]) -> list[str]:
    """The groups with all that they include."""
    known = tables(ROOT)["dependency-groups"]
    found: set[str] = set()
    waiting = list(groups)
    while waiting:
        name = waiting.pop()
        if name not in known:
            sys.exit(f"pyproject.toml has no dependency group {name!r}: it has {', '.join(known)}")
        if name not in found:
            found.add(name)
            waiting += [entry["include-group"] for entry in known[name] if isinstance(entry, dict)]
    return sorted(found)


def requirements(groups: list[str]) -> list[str]:
    """Lines of a requirements file: our distributions by relative path, then the groups'."""
    known = tables(ROOT)["dependency-groups"]
    extras = {"all"}
    found: set[str] = set()
    for name in unfold(groups):
        for entry in known[name]:
            if isinstance(entry, dict):
                continue
            if entry.startswith("nonecorn["):
                extras.update(entry.removeprefix("nonecorn[").rstrip("]").split(","))
            else:
                found.add(entry)
    # The kernel comes first: pip settles who `nonecorn` is when it meets the name.
    own = [f"-e .[{','.join(sorted(extras))}]"]
    own += [f"-e ./{path.relative_to(ROOT).as_posix()}" for path in projects()[1:]]
    return [*own, *sorted(found)]


def create(venv: Path) -> None:
    """Make the environment anew, without pip where this Python has none to give (Debian's may)."""
    pip = [] if importlib.util.find_spec("ensurepip") else ["--without-pip"]
    run([sys.executable, "-m", "venv", "--clear", *pip, str(venv)])


def install(venv: Path, python: Path, groups: list[str], *, by_uv: bool, lowest: bool) -> None:
    """Install everything in one command."""
    say(f"installing nonecorn, its plugins and {', '.join(groups) or 'no group'} into {venv}")
    listing = venv / "nonecorn-requirements.txt"
    listing.write_text("\n".join(requirements(groups)) + "\n", encoding="utf-8")
    pip = [*pip_of(python), "install", "--quiet"]
    tested = ["-c", str(ROOT / "constraints.txt")]
    versions = ["--resolution", "lowest-direct"] if lowest else tested
    uv = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    uv += ["--compile-bytecode"]  # as pip does: not every process may write it, or has the time
    if by_uv and tried([*pip, *tested, "uv"]) and tried([*uv, *versions, "-r", str(listing)]):
        return
    if lowest:
        sys.exit("only uv knows the lowest versions, and it could not install them")
    if by_uv:
        # It does not read pip's configuration, for one: an index of one's own, a proxy.
        say("uv cannot do it here: trying pip, which takes minutes")
    run([*pip, *tested, "-r", str(listing)])


def pip_of(python: Path) -> list[str]:
    """The environment's own pip, or else this interpreter's, pointed at it."""
    own = [str(python), "-m", "pip"]
    known = subprocess.run([*own, "--version"], capture_output=True, check=False).returncode == 0
    return own if known else [sys.executable, "-m", "pip", "--python", str(python)]


def run(command: list[str]) -> None:
    """Run a command; end with its code if it fails."""
    code = code_of(command)
    if code:
        sys.exit(f"exit code {code}: {' '.join(command)}")


def tried(command: list[str]) -> bool:
    """Run a command, and say whether it did what it was to do."""
    return code_of(command) == 0


def code_of(command: list[str]) -> int:
    """Run a command with its output on standard error."""
    environment = {
        "UV_NATIVE_TLS": "1",  # the system's certificates, as pip has them
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_USER": "0",
    }
    return subprocess.run(
        command, cwd=ROOT, stdout=sys.stderr, env=environment, check=False
    ).returncode


def say(line: str) -> None:
    """Tell the person what takes so long."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036  # whoever runs this may have an older one
        sys.exit(f"nonecorn needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    main()
