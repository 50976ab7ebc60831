"""What a plan becomes, which files it is read from, and what was compiled."""

import importlib.util
import logging
from pathlib import Path

import nonecorn.reload.choice
from nonecorn.config import ServerSettings, prepare
from nonecorn.plan import compile_plan
from nonecorn.reload.bytecode import forget_compiled
from nonecorn.reload.configuration import configuration_files
from nonecorn.reload.notified import Notified
from nonecorn.reload.polling import Polling
from nonecorn.reload.preparation import for_development, stand_in, tree_of
from nonecorn.reload.tree import Tree
from nonecorn.reload.unavailable import VARIABLE
from nonecorn.reload.watch import Watch
from nonecorn.reload.watching import Watching
from nonecorn.serving.bindings import Bindings
from nonecorn.supervisor.generation import Generation
from nonecorn.supervisor.loop import Loop
from nonecorn.supervisor.places import Places


def plan_of(**settings):
    plugins, config = prepare(None, {"app": "app:app", "reload": True, **settings}, environ={})
    return compile_plan(config, plugins)


def test_nobody_is_waited_for_long():
    server = for_development(plan_of(graceful_timeout=30, shutdown_timeout=0)).server
    assert (server.graceful_timeout, server.shutdown_timeout) == (1.0, 5.0)
    server = for_development(plan_of(graceful_timeout=0, shutdown_timeout=2)).server
    assert (server.graceful_timeout, server.shutdown_timeout) == (0.0, 2.0)


def test_health_is_not_served():
    plan = for_development(plan_of(bind="127.0.0.1:0", health_bind="127.0.0.1:0"))
    assert len(plan.listeners) == 1
    assert not plan.health


def test_a_stand_in_has_the_reason_and_nothing_of_the_application():
    plan = for_development(plan_of(factory=True, max_requests=5, lifespan="on"))
    with Bindings() as bindings:
        generation = Generation.of(plan, bindings, 1, Places())
        other = stand_in(generation, f"no\0 {'x' * 10_000}")
    assert other.environ[VARIABLE].startswith("no x")
    assert len(other.environ[VARIABLE]) == 4000
    assert other.bindings is bindings
    server = other.plan.server
    assert server.app == "nonecorn.reload.unavailable:app"
    assert (server.factory, server.lifespan, server.max_requests) == (False, "off", 0)
    assert generation.plan.server.app == "app:app"


def test_what_is_watched_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "else" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    settings = ServerSettings(app="../x/web.py:app", app_dir=str(tmp_path))
    assert tree_of(settings, []).roots == (str(tmp_path), str(tmp_path.parent / "x"))
    settings = ServerSettings(app=f"{package}/web.py", app_dir=str(package))
    assert tree_of(settings, []).roots == (str(tmp_path / "else"),)
    settings = ServerSettings(app="shop:app", app_dir=".", reload_dir=("else",))
    assert tree_of(settings, []).roots == (str(tmp_path / "else"),)


def test_files_that_the_configuration_is_read_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain, env = ServerSettings(), ServerSettings(env_file="conf/.env")

    def names(*args, **kwargs):
        found = configuration_files(*args, **kwargs)
        return [Path(path).relative_to(tmp_path).as_posix() for path in found]

    assert names(None, plain) == []
    assert names(None, env) == ["conf/.env"]
    assert names(None, plain, discover=True) == ["nonecorn.toml", "pyproject.toml"]
    assert names("site.py", plain, discover=True) == ["site.py"]
    assert names(Path("site.toml"), plain) == ["site.toml"]
    assert names("python:settings", plain, discover=True) == []
    assert names({"bind": []}, plain) == []


def test_what_was_compiled_of_a_changed_file_is_removed(tmp_path):
    source = tmp_path / "shop.py"
    compiled = Path(importlib.util.cache_from_source(str(source)))
    compiled.parent.mkdir(parents=True, exist_ok=True)
    compiled.write_text("")
    forget_compiled([str(tmp_path / "never_compiled.py"), str(tmp_path / "x.html"), str(source)])
    assert not compiled.exists()


def test_a_watch_is_kept_while_the_same_is_asked_for(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    settings = ServerSettings(app="a:b", app_dir=str(tmp_path), reload_watcher="polling")
    other = ServerSettings(app="a:b", app_dir=str(tmp_path), reload_include=("*.html",))
    (tmp_path / "page.html").write_text("")
    with Loop() as loop:
        watching = Watching(loop, lambda server: (), lambda changes: None)
        assert repr(watching) == "<Watching nothing>"
        try:
            assert watching.follow(settings)
            assert "no file is watched" in caplog.text
            assert not watching.follow(settings)
            assert watching.follow(other)
            assert watching.summary.startswith("watching 1 file in ")
        finally:
            watching.close()
            watching.close()


def test_reprs_say_what_they_look_at(tmp_path):
    import threading

    stop = threading.Event()
    tree = Tree([tmp_path])
    assert repr(tree) == f"<Tree {tmp_path} 0 files>"
    assert repr(Polling(stop)) == "<Polling every 0.25 s>"
    assert repr(Notified([str(tmp_path)], stop)) == "<Notified of 0 directories>"
    watch = Watch(tree, Polling)
    assert repr(watch) == "<Watch by polling: <Snapshot 0 files in 0 directories>>"
    watch.close()
    assert nonecorn.reload.choice.choose_alarm("polling", tree)[1] == "polling"
