"""The layer `static` while somebody who may write into its directory works against it.

The moment at which that happens is chosen exactly: between the look that finds where a path leads,
and the opening of what was found.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nonecorn.testing import MemoryRuntime
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import call, make_scope
from nonecorn_static import StaticFiles, _opening

pytestmark = pytest.mark.skipif(
    not _opening.FOLLOWS_NO_LINK, reason="the system cannot open beneath a directory"
)

SECRET = b"secret" * 20_000
PASSED = b"Hello, world!"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("root/up/a.txt", "outside/a.txt", "root/b.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(SECRET if name.startswith("outside") else b"x" * len(SECRET))
    return tmp_path / "root"


def swap(path: Path, target: Path) -> None:
    """Put a link in the place of what is there."""
    path.rename(path.with_name("away"))
    path.symlink_to(target)


@pytest.mark.parametrize("size", [len(SECRET), 60])
@pytest.mark.parametrize("name", ["up/a.txt", "b.txt"])
def test_what_becomes_a_link_meanwhile_is_not_followed(
    root: Path, name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = root.parent / "outside"
    os.truncate(outside / "a.txt", size)
    realpath = os.path.realpath

    def swapping(path: str, *, strict: bool = False) -> str:
        real = realpath(path, strict=strict)
        if name == "b.txt" and real.endswith("b.txt"):
            swap(root / "b.txt", outside / "a.txt")
        elif real.endswith("up/a.txt"):
            swap(root / "up", outside)
        return real

    app = StaticFiles(hello, directory=str(root), prefix="/")
    monkeypatch.setattr("os.path.realpath", swapping)
    response = call(app, make_scope(f"/{name}"))
    assert b"secret" not in response.content


def test_what_becomes_a_link_before_it_is_sent_is_not_followed(root: Path) -> None:
    runtime = MemoryRuntime()
    app = StaticFiles(hello, directory=str(root), prefix="/", recheck=60)
    assert call(app, make_scope("/up/a.txt"), runtime=runtime).content == b"x" * len(SECRET)
    facts = (root / "up/a.txt").stat()
    swap(root / "up", root.parent / "outside")
    # As like as it can be made: the same length and the same time of change.
    os.utime(root.parent / "outside/a.txt", ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    assert call(app, make_scope("/up/a.txt"), runtime=runtime).content == PASSED


def test_where_links_are_wanted_they_are_followed(root: Path) -> None:
    swap(root / "up", root.parent / "outside")
    app = StaticFiles(hello, directory=str(root), prefix="/", symlinks=True)
    assert call(app, make_scope("/up/a.txt")).content == SECRET
