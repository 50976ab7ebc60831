"""What is wrong with a battery is one line, before anything is bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.forked import run

MISTAKES = {
    "static": ('directory = "gone"', "directory = {tmp}/gone does not exist"),
    "compress": ("gzip_level = 10", "gzip_level = 10 is too large: at most 9"),
    "limits": ('rate = "often"', "is no rate"),
    "health": ('ready = "readyz"', "is no path"),
}


@pytest.mark.parametrize("command", [("config", "check"), ("serve",)], ids=" ".join)
@pytest.mark.parametrize("battery", MISTAKES)
def test_a_mistake_is_one_line(tmp_path: Path, battery: str, command: tuple[str, ...]) -> None:
    option, message = MISTAKES[battery]
    file = tmp_path / "nonecorn.toml"
    file.write_text(
        f'app = "nonecorn.testing.apps:hello"\n[[middleware]]\nuse = "{battery}"\n{option}\n'
    )
    done = run(*command, "-c", str(file), "-b", "127.0.0.1:0", cwd=tmp_path.parent)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert message.format(tmp=f"'{tmp_path}").replace("gone", "gone'", 1) in line or (
        battery != "static" and message in line
    )
    assert battery in line


def test_a_check_that_cannot_be_imported_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "nonecorn.toml"
    file.write_text(
        'app = "nonecorn.testing.apps:hello"\n[[middleware]]\nuse = "health"\n'
        'check = "no_such_module:check"\n'
    )
    for workers in ("0", "1"):
        done = run("serve", "-c", str(file), "-b", "127.0.0.1:0", "--workers", workers)
        assert done.returncode == 2
        assert "no_such_module" in done.stderr
        assert "Traceback" not in done.stderr
