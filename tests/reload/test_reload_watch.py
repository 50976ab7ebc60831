"""A watch over real files, with each watcher: it says what has happened, once, and nothing else."""

import os
import select
import sys
import threading
from pathlib import Path

import pytest

from nonecorn.reload.choice import choose_alarm
from nonecorn.reload.filesystems import silent_kind
from nonecorn.reload.polling import Polling
from nonecorn.reload.tree import Tree
from nonecorn.reload.watch import Watch
from nonecorn.spi import ConfigError

PATIENCE = 20.0


@pytest.fixture(params=["watchfiles", "polling"])
def watch(request, tmp_path):
    """Starts a watch over directories of the test's."""
    begun = []

    def start(*roots, files=(), include=(), exclude=()) -> Watch:
        roots = roots or (tmp_path,)
        tree = Tree(roots, files, include=include, exclude=exclude)
        make_alarm, _ = choose_alarm(request.param, tree)
        watch = Watch(tree, make_alarm)
        watch.start()
        begun.append(watch)
        return watch

    yield start
    for each in begun:
        each.close()
        assert not each._thread.is_alive()


def said(watch: Watch) -> dict[str, list[str]]:
    """What has changed next, by kind."""
    ready, _, _ = select.select([watch.sock], [], [], PATIENCE)
    assert ready, f"{watch!r} has said nothing"
    changes = watch.changes()
    return {
        kind: [Path(path).name for path in getattr(changes, kind)]
        for kind in ("modified", "added", "deleted")
        if getattr(changes, kind)
    }


def replace(path: Path, text: str) -> None:
    """As editors do that never leave half a file."""
    other = path.with_name(f".{path.name}.new")
    other.write_text(text)
    other.replace(path)


def test_a_changed_file(watch, tmp_path):
    (tmp_path / "app.py").write_text("1")
    watching = watch()
    (tmp_path / "app.py").write_text("22")
    assert said(watching) == {"modified": ["app.py"]}


def test_a_replaced_file(watch, tmp_path):
    (tmp_path / "app.py").write_text("1")
    watching = watch()
    for text in ("22", "333"):
        replace(tmp_path / "app.py", text)
        assert said(watching) == {"modified": ["app.py"]}


def test_an_added_and_a_deleted_file(watch, tmp_path):
    watching = watch()
    (tmp_path / "new.py").write_text("1")
    assert said(watching) == {"added": ["new.py"]}
    (tmp_path / "new.py").unlink()
    assert said(watching) == {"deleted": ["new.py"]}


def test_a_renamed_file(watch, tmp_path):
    (tmp_path / "old.py").write_text("1")
    watching = watch()
    (tmp_path / "old.py").rename(tmp_path / "new.py")
    assert said(watching) == {"added": ["new.py"], "deleted": ["old.py"]}


def test_new_directories_are_watched(watch, tmp_path):
    watching = watch()
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "x.py").write_text("1")
    assert said(watching) == {"added": ["x.py"]}
    (deep / "x.py").write_text("22")
    assert said(watching) == {"modified": ["x.py"]}


def test_a_directory_that_is_moved_in_and_out(watch, tmp_path):
    root, away = tmp_path / "root", tmp_path / "away"
    root.mkdir()
    away.mkdir()
    (away / "x.py").write_text("1")
    watching = watch(root)
    away.rename(root / "in")
    assert said(watching) == {"added": ["x.py"]}
    (root / "in" / "x.py").write_text("22")
    assert said(watching) == {"modified": ["x.py"]}
    (root / "in").rename(away)
    assert said(watching) == {"deleted": ["x.py"]}
    (root / "y.py").write_text("1")
    assert said(watching) == {"added": ["y.py"]}


def test_the_watched_directory_may_go_and_come_back(watch, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "x.py").write_text("1")
    other = tmp_path / "other"
    other.mkdir()
    watching = watch(root, other)
    root.rename(tmp_path / "away")
    assert said(watching) == {"deleted": ["x.py"]}
    (other / "y.py").write_text("1")
    assert said(watching) == {"added": ["y.py"]}


def test_many_files_at_once_are_one_change(watch, tmp_path):
    watching = watch()
    for number in range(300):
        (tmp_path / f"m{number}.py").write_text("1")
    assert len(said(watching)["added"]) == 300
    assert not watching.changes()


def test_what_does_not_count_is_not_said(watch, tmp_path):
    for name in (".git", "node_modules", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "app.py").write_text("1")
    watching = watch(include=["*.html"], exclude=["tests"])
    (tmp_path / ".git" / "x.py").write_text("1")
    (tmp_path / "node_modules" / "x.py").write_text("1")
    (tmp_path / "tests" / "x.py").write_text("1")
    (tmp_path / "app.log").write_text("1")
    (tmp_path / "app.py").chmod(0o600)
    (tmp_path / "page.html").write_text("1")
    assert said(watching) == {"added": ["page.html"]}


def test_a_change_that_was_said_is_not_said_again(watch, tmp_path):
    watching = watch()
    (tmp_path / "a.py").write_text("1")
    said(watching)
    (tmp_path / "b.py").write_text("1")
    assert said(watching) == {"added": ["b.py"]}


def test_single_files_elsewhere_are_watched_also_when_they_are_replaced(watch, tmp_path):
    root, file = tmp_path / "root", tmp_path / "conf" / "site.toml"
    root.mkdir()
    file.parent.mkdir()
    watching = watch(root, files=[file])
    file.write_text("1")
    assert said(watching) == {"added": ["site.toml"]}
    replace(file, "22")
    assert said(watching) == {"modified": ["site.toml"]}
    (file.parent / "other.toml").write_text("1")
    file.unlink()
    assert said(watching) == {"deleted": ["site.toml"]}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_behind_links(watch, tmp_path):
    root, away = tmp_path / "root", tmp_path / "away"
    root.mkdir()
    (away / "lib").mkdir(parents=True)
    (away / "one.py").write_text("1")
    (away / "two.py").write_text("1")
    (root / "link.py").symlink_to(away / "one.py")
    (root / "lib").symlink_to(away / "lib")
    watching = watch(root)
    (away / "one.py").write_text("22")
    assert said(watching) == {"modified": ["link.py"]}
    (away / "lib" / "x.py").write_text("1")
    assert said(watching) == {"added": ["x.py"]}
    other = root / "other"
    other.symlink_to(away / "two.py")
    os.utime(away / "two.py", ns=(5, 5))
    other.replace(root / "link.py")  # the link leads elsewhere
    assert said(watching) == {"modified": ["link.py"]}


def test_nothing_is_lost_between_start_and_the_first_event(watch, tmp_path):
    (tmp_path / "app.py").write_text("")
    for number in range(1, 6):
        watching = watch()
        (tmp_path / "app.py").write_text("1" * number)
        assert said(watching) == {"modified": ["app.py"]}


def test_a_watch_that_is_closed_twice(watch):
    watching = watch()
    watching.close()
    watching.close()


# Which watcher ------------------------------------------------------------------------------------


class Broken:
    """An alarm that the system has no room for."""

    name = "broken"

    def __init__(self, stop: threading.Event) -> None:
        self.closed = False

    def wait(self, known, cost):
        message = "no space left on device"
        raise OSError(message)

    def close(self):
        self.closed = True


def test_where_the_system_refuses_it_polls(tmp_path, caplog):
    watching = Watch(Tree([tmp_path]), Broken)
    watching.start()
    try:
        (tmp_path / "a.py").write_text("1")
        assert said(watching) == {"added": ["a.py"]}
        assert "broken cannot watch (no space left on device): polling instead" in caplog.text
        assert "polling" in repr(watching)
    finally:
        watching.close()


def test_polling_is_chosen_by_name_and_where_nothing_else_is_installed(tmp_path, monkeypatch):
    tree = Tree([tmp_path])
    assert choose_alarm("polling", tree) == (Polling, "polling")
    assert choose_alarm("auto", tree)[1] == "watchfiles"
    monkeypatch.setattr("nonecorn.reload.choice._LIBRARY", "no_such_library")
    make_alarm, how = choose_alarm("auto", tree)
    assert make_alarm is Polling
    assert "nonecorn[reload]" in how


def test_watchfiles_is_an_error_where_it_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("nonecorn.reload.choice._LIBRARY", "no_such_library")
    with pytest.raises(ConfigError, match=r"nonecorn\[reload\]"):
        choose_alarm("no_such_library", Tree([tmp_path]))


MOUNTS = """\
22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:22 / /mnt/c rw,noatime - 9p drvfs rw
24 22 0:23 / /srv/two\\040words rw - fuse.sshfs me@there rw
25 24 0:24 / /srv/two\\040words/local rw - tmpfs tmpfs rw
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home", ""),
        ("/mnt/c/shop", "9p"),
        ("/mnt/cd", ""),
        ("/srv/two words/x", "fuse.sshfs"),
        ("/srv/two words/local/x", ""),
    ],
)
def test_file_systems_that_do_not_tell(tmp_path, path, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert silent_kind([path], str(mounts)) == kind


def test_nothing_is_known_where_no_mounts_are(tmp_path):
    assert silent_kind(["/"], str(tmp_path / "none")) == ""
