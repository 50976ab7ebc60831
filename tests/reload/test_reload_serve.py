"""A file is edited, and the application is another: real processes, real edits."""

import sys

import pytest

from tests.reload.conftest import app, runs


def test_an_edit_is_served(reloading, watched):
    worker, watcher = watched
    with reloading("-k", worker, "--reload-watcher", watcher) as server:
        server.wait_for_line(f"watching 1 file in . by {watcher}")
        assert server.text() == "1"
        first = int(server.text("/process"))
        server.edit("app.py", app(2))
        assert server.text() == "2"
        server.wait_for_line("app.py changed: restarting")
        assert int(server.text("/process")) != first
        assert not runs(first)
        second = int(server.text("/process"))
        server.interrupt()
        assert server.wait() == 0
        assert not runs(second)


def test_files_saved_in_the_same_second_with_the_same_size_are_run_as_they_are(reloading):
    with reloading() as server:
        for version in range(2, 6):
            server.edit("app.py", app(version))
            assert server.text() == str(version)


def test_modules_that_come_and_go(reloading, tmp_path):
    with reloading() as server:
        server.edit("shop/prices.py", "PRICE = '7'")
        server.wait_for_line("prices.py was added: restarting")
        server.edit("app.py", app() + "\nfrom shop.prices import PRICE as VERSION\n")
        assert server.text() == "7"
        server.edit("shop/prices.py", "PRICE = '8'")
        assert server.text() == "8"


def test_other_files_by_include_and_none_by_exclude(reloading, tmp_path):
    args = ["--reload-include", "*.html", "--reload-exclude", "generated"]
    with reloading(*args) as server:
        server.write("generated/x.py", "1")
        server.write("page.css", "1")
        server.edit("templates/page.html", "1")
        server.wait_for_line("page.html was added: restarting")
        assert server.errors.count(": restarting") == 1
        assert "generated" not in server.errors


def test_the_directory_of_a_file_is_watched(reloading, tmp_path):
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").write_text("")
    (tmp_path / "src" / "shop" / "web.py").write_text(app())
    (tmp_path / "run").mkdir()
    with reloading("--app-dir", "run", target="src/shop/web.py") as server:
        server.edit("src/shop/web.py", app(2))
        assert server.text() == "2"
        server.edit("src/other.py", "")


def test_only_the_directories_that_are_named_are_watched(reloading, tmp_path):
    lib = tmp_path.with_name(f"{tmp_path.name}-lib")
    lib.mkdir()
    (tmp_path / "app.py").write_text(
        app() + f"\nimport sys; sys.path.append({str(lib)!r}); from lib import VERSION\n"
    )
    (lib / "lib.py").write_text("VERSION = 'a'")
    with reloading("--reload-dir", str(lib)) as server:
        assert server.text() == "a"
        server.write("other.py", "")
        (lib / "lib.py").write_text("VERSION = 'b'")
        server.restarted()
        assert server.text() == "b"
        assert "other.py" not in server.errors


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_an_application_behind_a_link(reloading, tmp_path):
    away = tmp_path.with_name(f"{tmp_path.name}-away.py")
    away.write_text(app())
    (tmp_path / "app.py").symlink_to(away)
    with reloading() as server:
        away.write_text(app(2))
        server.restarted()
        assert server.text() == "2"


def test_several_workers_are_one(reloading):
    with reloading("--workers", "4") as server:
        server.wait_for_line("reload serves with one worker, not with 4")
        assert server.text() == "1"


def test_a_worker_that_was_asked_to_end_is_replaced(reloading):
    with reloading("--max-requests", "2") as server:
        first = server.text("/process")
        server.text()
        server.wait_for_line("max_requests: restarting")
        server.restarted()
        assert server.text("/process") != first
