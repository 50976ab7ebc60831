"""What a look at real files finds."""

import os
import sys
from pathlib import Path

import pytest

from nonecorn.reload.changes import Changes
from nonecorn.reload.tree import Tree

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


def fill(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")


def names(tree: Tree, root: Path) -> set[str]:
    return {Path(path).relative_to(root).as_posix() for path in tree.look().files}


def test_files_at_any_depth_and_nothing_of_environments(tmp_path):
    fill(tmp_path, "app.py", "a/b/c.py", "a/x.html", "a/__pycache__/c.py")
    fill(tmp_path, "env/pyvenv.cfg", "env/lib/x.py", "conda/conda-meta/history", "conda/x.py")
    tree = Tree([tmp_path])
    assert names(tree, tmp_path) == {"app.py", "a/b/c.py"}
    found = tree.look().directories
    assert str(tmp_path / "a") in found
    assert str(tmp_path / "env") not in found
    assert str(tmp_path / "a" / "__pycache__") not in found


def test_a_watched_directory_may_itself_be_an_environment_or_hidden(tmp_path):
    root = tmp_path / ".work"
    fill(root, "pyvenv.cfg", "app.py")
    assert names(Tree([root]), root) == {"app.py"}


def test_single_files_count_whatever_the_patterns_say(tmp_path):
    fill(tmp_path, "app/app.py", "conf/.env", "app/site.toml")
    files = [tmp_path / "conf" / ".env", tmp_path / "app" / "site.toml", tmp_path / "none.toml"]
    tree = Tree([tmp_path / "app"], files, exclude=["*.toml"])
    found = tree.look()
    assert names(tree, tmp_path) == {"app/app.py", "conf/.env", "app/site.toml"}
    assert set(found.outlying) == {str(tmp_path / "conf" / ".env"), str(tmp_path / "none.toml")}
    assert not found.outlying_changed()
    fill(tmp_path, "none.toml")
    assert found.outlying_changed()


def test_directories_within_others_are_looked_at_once(tmp_path):
    fill(tmp_path, "a/b/c.py")
    tree = Tree([tmp_path / "a" / "b", tmp_path, tmp_path / "a" / ".." / "a"])
    assert tree.roots == (str(tmp_path),)


@links
def test_links_are_followed_and_their_targets_are_outlying(tmp_path):
    fill(tmp_path, "app/app.py", "else/where.py", "else/lib/x.py")
    (tmp_path / "app" / "linked.py").symlink_to(tmp_path / "else" / "where.py")
    (tmp_path / "app" / "lib").symlink_to(tmp_path / "else" / "lib")
    (tmp_path / "app" / "same.py").symlink_to("app.py")
    tree = Tree([tmp_path / "app"])
    assert names(tree, tmp_path / "app") == {"app.py", "linked.py", "lib/x.py", "same.py"}
    found = tree.look()
    assert found.outlying == (str(tmp_path / "app" / "linked.py"),)
    (tmp_path / "else" / "where.py").write_text("22")
    assert found.outlying_changed()


@links
def test_links_in_circles_end(tmp_path):
    fill(tmp_path, "a/x.py", "b/y.py")
    (tmp_path / "a" / "to_b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "to_a").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "dead.py").symlink_to(tmp_path / "nothing")
    found = Tree([tmp_path]).look()
    assert {Path(path).name for path in found.files} == {"x.py", "y.py"}
    assert len(found.directories) < 12


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is closed to this user")
def test_what_cannot_be_read_is_not_there(tmp_path):
    fill(tmp_path, "app.py", "closed/x.py")
    (tmp_path / "closed").chmod(0)
    try:
        assert names(Tree([tmp_path]), tmp_path) == {"app.py"}
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_a_directory_that_is_not_there_holds_nothing(tmp_path):
    found = Tree([tmp_path / "gone"]).look()
    assert not found.files
    assert not found.directories
    assert repr(found) == "<Snapshot 0 files in 0 directories>"


def test_differences(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, "a.py", "b.py", "c.py")
    tree = Tree([tmp_path])
    before = tree.look().files
    assert not Changes.between(before, before)
    fill(tmp_path, "d.py")
    (tmp_path / "a.py").unlink()
    (tmp_path / "b.py").write_text("22")
    changes = Changes.between(before, tree.look().files)
    assert [Path(path).name for path in changes.modified] == ["b.py"]
    assert [Path(path).name for path in changes.added] == ["d.py"]
    assert [Path(path).name for path in changes.deleted] == ["a.py"]
    assert str(changes) == "b.py, d.py, a.py changed"
    assert changes.any([str(tmp_path / "a.py")])
    assert not changes.only([str(tmp_path / "a.py")])
    assert changes.only(changes.paths)


def test_a_file_of_the_same_size_with_another_time_has_changed(tmp_path):
    fill(tmp_path, "a.py")
    tree = Tree([tmp_path])
    before = tree.look().files
    os.utime(tmp_path / "a.py", ns=(1, 1))
    assert Changes.between(before, tree.look().files)


def test_changes_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [str(tmp_path / f"{name}.py") for name in "abcde"]
    assert str(Changes(modified=tuple(paths))) == "a.py, b.py, c.py and 2 more changed"
    assert str(Changes(added=(paths[0],))) == "a.py was added"
    assert str(Changes(deleted=tuple(paths[:2]))) == "a.py, b.py were deleted"
