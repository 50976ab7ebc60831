"""`scripts/autobahn`: how it reads a report, and a part of the suite where it can run."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "autobahn.py"
REDUCED = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "12.1.1", "13.7.1"]
"""Framing to closing whole, and of the long compression chapters one case each."""
PIECES = ["1.*", "2.*", "5.*", "7.*", "10.*"]
"""What each loop has a say in: how bytes arrive in pieces, what is sent meanwhile, and how it ends.
Which bits, opcodes and text are right, and what compression yields, is decided by code that knows
of no loop; `scripts/autobahn` runs every case on each.
"""


@pytest.fixture(scope="module")
def autobahn():
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        spec = importlib.util.spec_from_file_location("nonecorn_autobahn", SCRIPT)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # its dataclasses look themselves up
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return module


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("worker", "cases"), [("asyncio", PIECES), ("uvloop", REDUCED), ("trio", PIECES)]
)
def test_a_part_of_the_suite_finds_nothing(autobahn, worker, cases, tmp_path):
    try:
        autobahn.find_python2()
    except autobahn.UnavailableError as error:
        pytest.skip(f"{error}; the other tests of this directory do without")
    command = [sys.executable, SCRIPT, "-k", worker, "--report", tmp_path, "--cases", *cases]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 2:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr


# Reading a report ---------------------------------------------------------------------------------


@pytest.fixture
def report(tmp_path):
    def write(**verdicts):
        """A report as the suite writes them: verdicts by case."""
        index = {}
        for case, (behavior, behavior_close) in verdicts.items():
            number = case.removeprefix("case").replace("_", ".")
            page = {"description": f"Does\n  {number}.", "result": "It <b>did</b>."}
            (tmp_path / f"{case}.json").write_text(json.dumps(page))
            index[number] = {
                "behavior": behavior,
                "behaviorClose": behavior_close,
                "duration": 1500,
                "reportfile": f"{case}.json",
            }
        (tmp_path / "index.json").write_text(json.dumps({"worker": index}))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("behavior", "close", "fine", "wrong"),
    [
        ("OK", "OK", True, False),
        ("INFORMATIONAL", "INFORMATIONAL", True, False),
        ("NON-STRICT", "OK", False, False),
        ("NON-STRICT", "UNCLEAN", False, True),
        ("FAILED", "OK", False, True),
        ("OK", "FAILED", False, True),
        ("OK", "WRONG CODE", False, True),
        ("OK", "FAILED BY CLIENT", False, True),
        ("UNIMPLEMENTED", "OK", False, True),
    ],
)
def test_a_case_is_fine_or_wrong_by_both_its_verdicts(
    autobahn, report, behavior, close, fine, wrong
):
    [outcome] = autobahn.read_outcomes(report(case1_1=(behavior, close)), "worker", ["1.1"])
    assert (outcome.fine, outcome.wrong, outcome.seconds) == (fine, wrong, 1.5)


def test_a_case_without_a_result_is_wrong(autobahn, report):
    outcomes = autobahn.read_outcomes(report(case1_1=("OK", "OK")), "worker", ["1.1", "1.2"])
    assert [outcome.wrong for outcome in outcomes] == [False, True]
    assert outcomes[1].why() == "1.2: MISSING, close MISSING"


def test_without_any_report_every_case_is_wrong(autobahn, tmp_path):
    outcomes = autobahn.read_outcomes(tmp_path, "worker", ["1.1", "1.2"])
    assert all(outcome.wrong for outcome in outcomes)


def test_what_failed_is_told_in_the_suites_words(autobahn, report):
    [outcome] = autobahn.read_outcomes(report(case6_4=("FAILED", "OK")), "worker", ["6.4"])
    assert outcome.why() == "6.4: FAILED, close OK\n    Does 6.4.\n    It <b>did</b>."


def test_the_table_counts_by_chapter(autobahn, report):
    directory = report(
        case1_1=("OK", "OK"), case1_2=("OK", "UNCLEAN"), case12_1=("NON-STRICT", "OK")
    )
    outcomes = autobahn.read_outcomes(directory, "worker", ["1.1", "1.2", "12.1"])
    lines = [" ".join(line.split()) for line in autobahn.table({"trio": outcomes}).splitlines()]
    assert lines[1:] == [
        "trio 1 framing 2 3.0 1 OK, 1 close UNCLEAN",
        "trio 12 compression 1 1.5 1 NON-STRICT",
        "trio all 3 4.5 1 NON-STRICT, 1 OK, 1 close UNCLEAN",
    ]


def test_without_a_python_2_it_says_what_is_missing(tmp_path, monkeypatch):
    for name, value in (("PATH", str(tmp_path)), ("PYENV_ROOT", str(tmp_path))):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AUTOBAHN_PYTHON", raising=False)
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("autobahn: no Python 2.7 found")
    assert "Traceback" not in done.stderr
