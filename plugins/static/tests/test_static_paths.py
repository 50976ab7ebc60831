"""Names that are looked for, and those that never reach a file system."""

from __future__ import annotations

import contextlib
import ntpath
import os
import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn_static._paths import safe_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", ""),
        ("a", "a"),
        ("a/", "a"),
        ("a/b.txt", "a/b.txt"),
        ("ä ö/…", "ä ö/…"),
        (".well-known/acme", ".well-known/acme"),
        ("a..b/c...", "a..b/c..."),
        ("a\\b", "a\\b"),
    ],
)
def test_plain_names_are_looked_for(path: str, name: str) -> None:
    assert safe_name(path, dotfiles=False, windows=False) == name


@pytest.mark.parametrize(
    "path",
    [
        "/", "//", "/etc/passwd", "..", "../a", "a/..", "a/../b", "a/./b", ".", "a//b", "a//",
        ".git", ".git/config", "a/.env", ".well-known-not", "a\0b", "a\nb", "a\x7f", "a\ufffd",
    ],
)  # fmt: skip
def test_others_are_not(path: str) -> None:
    assert safe_name(path, dotfiles=False, windows=False) is None


def test_dotfiles_can_be_allowed_and_parents_never() -> None:
    assert safe_name("a/.env", dotfiles=True, windows=False) == "a/.env"
    for path in (".", "..", "a/..", "a/."):
        assert safe_name(path, dotfiles=True, windows=False) is None


@pytest.mark.parametrize(
    "path",
    [
        "con", "CON", "nul.txt", "a/aux", "COM1", "lpt9.tar.gz", "com¹", "con ", "nul .txt",
        "CONIN$", "a\\..\\b", "c:", "c:a", "a:stream", "a.", "a ", "a./b", "a*", "a?b", "prn:",
    ],
)  # fmt: skip
def test_windows_names_that_are_no_files_are_not_looked_for_there(path: str) -> None:
    assert safe_name(path, dotfiles=False, windows=True) is None


@pytest.mark.parametrize("path", ["console", "com10", "nullable.txt", "a/aux-1", "COM", "lpt"])
def test_windows_names_that_only_look_so_are(path: str) -> None:
    assert safe_name(path, dotfiles=False, windows=True) == path


SEGMENTS = st.lists(
    st.one_of(
        st.sampled_from(["..", ".", "", "a", "con", "~", "c:", "\\", "..\\", "\0", "a b"]),
        st.text(max_size=4),
    ),
    max_size=5,
)


@given(SEGMENTS)
def test_no_name_leads_out_of_a_directory(segments: list[str]) -> None:
    path = "/".join(segments)
    for windows, module, root in ((False, posixpath, "/srv/x"), (True, ntpath, "C:\\srv\\x")):
        name = safe_name(path, dotfiles=True, windows=windows)
        if name is not None:
            joined = module.normpath(module.join(root, *name.split("/")))
            assert joined == root or joined.startswith(root + module.sep)


@given(SEGMENTS)
def test_no_name_surprises_the_file_system(segments: list[str]) -> None:
    name = safe_name("/".join(segments), dotfiles=True)
    if name is not None:
        with contextlib.suppress(OSError, UnicodeEncodeError):
            (Path(os.sep) / "nonecorn" / name).stat()
