"""An application that cannot be started: its traceback, once, and 503 until it can."""

import re

import pytest

from tests.reload.conftest import app
from tests.ws import client as ws

SYNTAX = "def broken(:\n    pass\n"
WAITING = "waiting for a change"


def assert_only_its_own_frames(errors: str) -> None:
    files = set(re.findall(r'^  File "([^"]+)"', errors, re.MULTILINE))
    ours = {file for file in files if "nonecorn" in file.partition("site-packages")[0]}
    assert files
    assert not ours, errors


def test_a_syntax_error_and_its_repair(reloading):
    """What fails before there is an event loop; `test_a_failure_at_lifespan_startup` is about what
    fails within, on each.
    """
    with reloading(broken=True) as server:
        server.write("app.py", SYNTAX)
        server.wait_for_line(WAITING)
        response = server.get()
        assert response.status == 503
        assert b"SyntaxError" in response.body
        assert response.values(b"retry-after") == [b"1"]
        assert response.values(b"cache-control") == [b"no-store"]

        # A WebSocket is refused.
        with ws.RawClient(server.address, ws.request("/")) as client:
            assert client.head().status == 503

        assert server.exit_code is None
        server.edit("app.py", app(2))
        assert server.text() == "2"
        assert server.errors.count("def broken(:") == 1
        assert server.errors.count(WAITING) == 1
        assert_only_its_own_frames(server.errors)


def test_broken_from_the_start(reloading, write):
    write("app.py", SYNTAX)
    with reloading(broken=True) as server:
        assert server.get().status == 503
        server.edit("app.py", app(2))
        assert server.text() == "2"


def test_an_application_that_is_not_there_yet(reloading):
    with reloading(target="later:app", broken=True) as server:
        server.wait_for_line("there is no module 'later'")
        assert server.get().status == 503
        server.edit("later.py", app(3))
        assert server.text() == "3"


def test_an_error_in_a_module_that_it_imports(reloading, write):
    write("prices.py", "PRICE = 1\n")
    write("app.py", app() + "\nimport prices\n")
    with reloading(broken=True) as server:
        server.write("prices.py", "PRICE = 1 / 0\n")
        server.wait_for_line(WAITING)
        assert "ZeroDivisionError" in server.get().body.decode()
        assert server.errors.count("Traceback") == 1
        assert "prices.py" in server.errors
        assert_only_its_own_frames(server.errors)
        server.edit("prices.py", "PRICE = 2\n")
        assert server.text() == "1"


def test_a_failure_at_lifespan_startup(reloading, write, worker):
    lifespan = """
http = app
async def app(scope, receive, send):
    if scope["type"] != "lifespan":
        return await http(scope, receive, send)
    await receive()
    {then}
"""
    works = "await send({'type': 'lifespan.startup.complete'}); await receive()"
    raises = "raise ValueError('no database')"
    says = "await send({'type': 'lifespan.startup.failed', 'message': 'no table'}); return"
    write("app.py", app() + lifespan.format(then=works))
    with reloading("-k", worker, "--lifespan", "on", broken=True) as server:
        for times, (failure, said) in enumerate(((raises, "no database"), (says, "no table")), 1):
            server.write("app.py", app() + lifespan.format(then=failure))
            server.wait_for_line(said)
            server.wait_for_line(WAITING, nth=times)
            assert said in server.get().body.decode()
        server.edit("app.py", app(2) + lifespan.format(then=works))
        assert server.text() == "2"
        assert server.errors.count("Traceback") == 1
        assert_only_its_own_frames(server.errors)


def test_a_file_that_is_deleted_exits_or_ends_its_process(reloading, tmp_path):
    with reloading() as server:
        (tmp_path / "app.py").unlink()
        server.wait_for_line("app.py was deleted: restarting")
        server.wait_for_line(WAITING)
        assert server.get().status == 503

        server.write("app.py", "import sys; sys.exit('no <licence> & no way')")
        server.wait_for_line("no <licence> & no way")
        server.wait_for_line(WAITING, nth=2)
        plain = server.get("/", "accept: */*")
        assert plain.values(b"content-type") == [b"text/plain; charset=utf-8"]
        assert b"no <licence> & no way" in plain.body
        # A browser gets a page that asks again.
        page = server.get("/", "accept: text/html,*/*")
        assert page.status == 503
        assert page.values(b"content-type") == [b"text/html; charset=utf-8"]
        assert b'http-equiv="refresh"' in page.body
        assert b"no &lt;licence&gt; &amp; no way" in page.body
        server.edit("app.py", app(2))
        assert server.text() == "2"

        with pytest.raises(AssertionError, match="closed within"):
            server.get("/crash")
        server.wait_for_line("the application has ended: exited with 7")
        assert server.get().status == 503
        server.edit("app.py", app(3))
        assert server.text() == "3"
