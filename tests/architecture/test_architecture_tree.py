"""What the repository holds, and what it must not."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CEILING = 500


def tracked() -> list[Path]:
    """Files of the repository that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: what belongs to the repository is not known")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def texts():
    for path in tracked():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # an image, a certificate in DER
            continue


def test_no_lock_file_is_tracked():
    # It would record addresses of indexes; constraints.txt pins instead.
    assert ROOT / "uv.lock" not in tracked()


def test_no_file_names_a_machine_or_an_index():
    words = [
        r"/ro" + r"ot/",
        r"/wo" + r"rk/",
        r"/ho" + r"me/(?!me/)[a-z]",
        r"/Us" + r"ers/[a-z]",
        r"py" + r"pi\.org",
        r"pythonho" + r"sted",
        r"--(extra-)?index-u" + r"rl",
    ]
    pattern = re.compile("|".join(words))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_nothing_is_left_for_later():
    pattern = re.compile("TO" + "DO|FIX" + "ME|X" + r"XX\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in texts()
        if path.suffix == ".py"
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_modules_stay_small_enough_to_read():
    long = {
        str(path.relative_to(ROOT)): lines
        for path, text in texts()
        if path.suffix == ".py" and "tests" not in path.relative_to(ROOT).parts
        if (lines := len(text.splitlines())) > CEILING
    }
    assert not long


def test_modules_say_what_they_are():
    silent = [
        str(path.relative_to(ROOT))
        for path, text in texts()
        if path.suffix == ".py" and text.strip() and not text.lstrip().startswith(('"""', 'r"""'))
    ]
    assert not silent


def test_test_modules_have_names_of_their_own():
    names: dict[str, Path] = {}
    for path in tracked():
        if path.name.startswith("test_") and path.suffix == ".py":
            assert path.name not in names, f"{path} and {names[path.name]}"
            names[path.name] = path


def test_commands_can_be_run():
    commands = [ROOT / ".ci" / "run", *(ROOT / "scripts").iterdir()]
    for path in commands:
        if path.suffix != ".py" and path.is_file():
            assert path.stat().st_mode & 0o111, f"{path} is not executable"
