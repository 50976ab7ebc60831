"""Autobahn's fuzzing client, all of its cases, against `nonecorn serve` on every worker.

The suite is `wstest` of the distribution autobahntestsuite: some 500 conversations that probe an
echo server for RFC 6455 and RFC 7692. It runs on Python 2.7 alone, so it gets an environment of its
own, in `build/autobahn`, with the versions of `tests/ws/autobahn-constraints.txt`; later runs find
it there. Each worker then serves `tests/ws/wsprobe.py` on a port that the system chooses, `wstest`
works through the cases, and its report is read: a case has a behaviour and a behaviour at the
close, and each must be OK or INFORMATIONAL, where the suite has no opinion. NON-STRICT is neither:
the server did what RFC 6455 allows and not what the suite likes best, such as to close at the first
bad frame before the application has answered the good ones that came with it; it is listed, and a
failure with `--strict` only. A case that was asked for and has no result is a failure.

    scripts/autobahn                                  everything, on every worker
    scripts/autobahn -k trio --cases '5.*' '6.4.*'    some of it
    scripts/autobahn --url ws://127.0.0.1:9001/       another server, already up

Exit codes: 0 all is well, 1 a case failed, 2 the suite cannot run here (the message says why). The
suite's own pages, a case each with everything on the wire, are in `build/autobahn/reports`.

Environment:
    AUTOBAHN_PYTHON: The Python 2.7 to use. Otherwise it is looked for on the path and in pyenv.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from environment import SCRIPTS, create, pip_of

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "autobahn"
APP_DIR = ROOT / "tests" / "ws"
PINS = APP_DIR / "autobahn-constraints.txt"
WORKERS = ("asyncio", "uvloop", "trio")
VIRTUALENV = "virtualenv==20.21.1"
"""The last that makes environments for Python 2.7."""
PATIENCE = 3600.0
"""Seconds that one server's cases may take; the compression cases are 36 000 messages each set."""
FINE = ("OK", "INFORMATIONAL")
LENIENT = "NON-STRICT"
CHAPTERS = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "close",
    "9": "limits and speed",
    "10": "automatic fragments",
    "12": "compression",
    "13": "compression parameters",
}

# Runs on Python 2.7, in the suite's environment.
LIST_CASES = """
import json, sys
from autobahntestsuite import case
from autobahntestsuite.caseset import CaseSet
cases = CaseSet(case.CaseSetname, case.CaseBasename, case.Cases, case.CaseCategories,
                case.CaseSubCategories)
json.dump(cases.parseSpecCases({"cases": sys.argv[1:]}), sys.stdout)
"""


class UnavailableError(Exception):
    """The suite cannot run here, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one case.

    Attributes:
        case: Its number, such as `6.4.2`.
        behavior: The suite's verdict on the conversation; `MISSING` where there is none.
        behavior_close: And on how it ended.
        seconds: How long it took.
        page: The suite's own report on it, as JSON.
    """

    case: str
    behavior: str
    behavior_close: str
    seconds: float = 0.0
    page: Path | None = None

    @property
    def fine(self) -> bool:
        """Whether nothing is to be said of it."""
        return self.behavior in FINE and self.behavior_close in FINE

    @property
    def wrong(self) -> bool:
        """Whether it is a failure, without `--strict`."""
        return not self.fine and not (self.behavior == LENIENT and self.behavior_close in FINE)

    def why(self) -> str:
        """What the suite says of it."""
        verdict = f"{self.case}: {self.behavior}, close {self.behavior_close}"
        if self.page is None:
            return verdict
        page = json.loads(self.page.read_text(encoding="utf-8", errors="replace"))
        said = [page.get(key) or "" for key in ("description", "result", "resultClose")]
        return "\n    ".join([verdict, *(" ".join(text.split()) for text in said if text)])


def main() -> int:
    """Run what the arguments ask for; returns the exit code."""
    arguments = parse_arguments()
    try:
        python2 = environment(arguments.python2 or find_python2())
        cases = list_cases(python2, arguments.cases)
    except UnavailableError as error:
        print(f"autobahn: {error}", file=sys.stderr)
        return 2
    reports = Path(arguments.report).absolute()
    print(f"{len(cases)} cases; the suite's pages: {reports}", flush=True)
    results: dict[str, list[Outcome]] = {}
    if arguments.url:
        results["server"] = run(python2, arguments.url, "server", cases, reports)
    else:
        for worker in arguments.worker or WORKERS:
            options = ["-k", worker, *(arguments.option or ())]
            with serving(options) as url:
                results[worker] = run(python2, url, worker, cases, reports)
    print(table(results))
    noted = [(name, each) for name, found in results.items() for each in found if not each.fine]
    for name, outcome in noted:
        print(f"{name} {outcome.why()}")
    return int(any(arguments.strict or outcome.wrong for _, outcome in noted))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/autobahn", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--cases", nargs="+", default=["*"], metavar="PATTERN", help="such as 6.* 7.1.1; all"
    )
    parser.add_argument("-k", "--worker", action="append", choices=WORKERS, help="repeatable; all")
    parser.add_argument(
        "-o", "--option", action="append", help="further argument of `nonecorn serve`; repeatable"
    )
    parser.add_argument("--strict", action="store_true", help=f"{LENIENT} is a failure too")
    parser.add_argument("--url", help="test the server at this address instead")
    parser.add_argument("--report", default=BUILD / "reports", help="directory for the pages")
    parser.add_argument("--python2", metavar="PATH", help="the Python 2.7 to use")
    return parser.parse_args()


# The suite's environment ------------------------------------------------------------------------


def find_python2() -> str:
    """Path of a Python 2.7.

    Raises:
        UnavailableError: There is none.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = (
        os.environ.get("AUTOBAHN_PYTHON"),
        *sorted(pyenv.glob("versions/2.7*/bin/python")),
        shutil.which("python2.7"),
    )
    for each in candidates:
        if each and is_python2(str(each)):
            return str(each)
    message = (
        "no Python 2.7 found, which the Autobahn testsuite needs: install one (pyenv install 2.7), "
        "and name it by AUTOBAHN_PYTHON if it is neither on the path nor pyenv's"
    )
    raise UnavailableError(message)


def is_python2(path: str) -> bool:
    """Whether this runs, and is one: pyenv puts names on the path that lead nowhere."""
    code = "import sys, ssl; sys.exit(sys.version_info[:2] != (2, 7))"
    try:
        return subprocess.run([path, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def environment(python2: str) -> Path:
    """The interpreter of an environment that has the suite; made where there is none yet.

    Raises:
        UnavailableError: It cannot be made.
    """
    key = hashlib.sha256(f"{python2} {VIRTUALENV}".encode() + PINS.read_bytes()).hexdigest()[:16]
    made = BUILD / f"python2-{key}"
    stamp = made / "complete"
    with alone(BUILD / "environment.lock"):
        if not stamp.exists():
            make_environment(made, python2)
            stamp.touch()
    return made / SCRIPTS / "python"


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time, for runs of this script beside each other; none waits on Windows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_environment(made: Path, python2: str) -> None:
    """An environment with the suite, at `made`.

    Raises:
        UnavailableError: It cannot be made.
    """
    print(f"making {made}", file=sys.stderr, flush=True)
    shutil.rmtree(made, ignore_errors=True)
    # Python 2.7 has no `venv`, and often no pip: a virtualenv of ours brings both.
    maker = BUILD / "virtualenv"
    create(maker)
    own = maker / SCRIPTS / "python"
    commands = (
        [*pip_of(own), "install", "-qq", VIRTUALENV],
        [str(own), "-m", "virtualenv", "--quiet", "--no-download", "-p", python2, str(made)],
        [str(made / SCRIPTS / "python"), "-m", "pip", "install", "-qq",
         "--no-python-version-warning", "-c", str(PINS), "autobahntestsuite"],
    )  # fmt: skip
    for command in commands:
        done = subprocess.run(command, stdout=sys.stderr, check=False)
        if done.returncode:
            message = (
                f"the testsuite's environment cannot be made: exit code {done.returncode} from "
                f"{' '.join(command)} (a C compiler and Python 2.7's headers are needed too)"
            )
            raise UnavailableError(message)


def list_cases(python2: Path, patterns: Iterable[str]) -> list[str]:
    """Numbers of the cases that match, in order.

    Raises:
        UnavailableError: None does, or the suite does not run.
    """
    command = [str(python2), "-c", LIST_CASES, *patterns]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    cases = [] if done.returncode else [str(case) for case in json.loads(done.stdout)]
    if not cases:
        message = f"no case matches {' '.join(patterns)}: {done.stderr.strip()}".rstrip(": ")
        raise UnavailableError(message)
    return cases


# Running ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(options: Sequence[str]) -> Iterator[str]:
    """`nonecorn serve` with the echo application: a context that gives its address.

    Args:
        options: Further arguments of the command.
    """
    from nonecorn.testing import ServeProcess  # noqa: PLC0415  # `--url` does not need it

    arguments = ["--app-dir", str(APP_DIR), *options]
    with ServeProcess("wsprobe:app", arguments, cwd=ROOT) as server:
        yield server.url.replace("http", "ws", 1) + "/echo"
        server.terminate()
        if server.wait() or "Traceback" in server.errors:
            sys.exit(f"{server!r} must end with 0 and without a traceback:\n{server.errors}")


def run(python2: Path, url: str, name: str, cases: list[str], reports: Path) -> list[Outcome]:
    """Work through `cases` at `url`; their pages go to a directory of this name."""
    directory = reports / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    spec = directory / "spec.json"
    spec.write_text(
        json.dumps({
            "outdir": str(directory),
            "servers": [{"agent": name, "url": url}],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        })
    )  # fmt: skip
    log = directory / "wstest.log"
    started = time.monotonic()
    command = [str(python2.with_name("wstest")), "-m", "fuzzingclient", "-s", str(spec)]
    with log.open("wb") as output:
        try:
            subprocess.run(command, stdout=output, stderr=output, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            print(f"{name}: not through after {PATIENCE:.0f} s: see {log}", file=sys.stderr)
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    return read_outcomes(directory, name, cases)


def read_outcomes(directory: Path, name: str, cases: Iterable[str]) -> list[Outcome]:
    """What the report in `directory` says of `cases`, each once and in their order."""
    index = directory / "index.json"
    found = json.loads(index.read_text(encoding="utf-8")).get(name, {}) if index.exists() else {}
    return [_outcome(directory, case, found.get(case)) for case in cases]


def _outcome(directory: Path, case: str, entry: dict[str, object] | None) -> Outcome:
    if entry is None:
        return Outcome(case=case, behavior="MISSING", behavior_close="MISSING")
    return Outcome(
        case=case,
        behavior=str(entry["behavior"]),
        behavior_close=str(entry["behaviorClose"]),
        seconds=float(str(entry["duration"])) / 1000,
        page=directory / str(entry["reportfile"]),
    )


# The table ----------------------------------------------------------------------------------------


def table(results: dict[str, list[Outcome]]) -> str:
    """A line for each server and chapter: how many cases ended how, and how long they took."""
    lines = [f"{'':10} {'chapter':28} {'cases':>5} {'seconds':>8}  verdicts"]
    for name, outcomes in results.items():
        for chapter, members in by_chapter(outcomes):
            title = f"{chapter} {CHAPTERS.get(chapter, '')}"
            lines.append(f"{name:10} {title:28} {_figures(members)}")
        lines.append(f"{name:10} {'all':28} {_figures(outcomes)}")
    return "\n".join(lines)


def by_chapter(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    """Cases by the first part of their number."""
    chapters: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        chapters.setdefault(outcome.case.partition(".")[0], []).append(outcome)
    yield from chapters.items()


def _figures(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(
        outcome.behavior if outcome.behavior_close in FINE else f"close {outcome.behavior_close}"
        for outcome in outcomes
    )
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    seconds = sum(outcome.seconds for outcome in outcomes)
    return f"{len(outcomes):5} {seconds:8.1f}  {verdicts}"


if __name__ == "__main__":
    sys.exit(main())
