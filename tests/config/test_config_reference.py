"""The reference pages say what the code has."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

from nonecorn.cli.group import COMMANDS
from nonecorn.config import ServerSettings, Tables, options_of
from nonecorn.plugins import Selection, load
from nonecorn.spi import Limits, NonecornError, errors

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def test_settings_page_is_what_the_settings_say(tmp_path):
    script = ROOT / "scripts" / "generate_settings.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_settings_page_names_every_flag_and_variable_of_the_kernel():
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    for option in (*options_of(ServerSettings), *options_of(Limits)):
        assert f"`{option.env}`" in page
        assert all(f"`{flag}`" in page for flag in option.flags)


def test_command_page_has_every_command():
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"## `nonecorn {name}`" in page


def test_error_page_has_every_error_and_its_exit_code():
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+Error)` \| (\d+) \|", page, re.MULTILINE))
    classes = {
        name: str(kind.exit_code)
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, NonecornError)
    }
    assert told == classes


def test_migration_page_names_only_settings_that_exist():
    page = (ROOT / "docs" / "howto" / "migrate-from-hypercorn.md").read_text(encoding="utf-8")
    table = page.split("## Options")[1].split("## From Python")[0]
    options = list(Tables(load(Selection()).settings()).options())
    keys = {option.key for option in options}
    flags = {flag for option in options for flag in option.flags}
    for row in re.findall(r"^\|.*\|(.*)\|.*\|$", table, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", row):
            assert name in keys | flags, name
