"""`nonecorn serve` of WSGI applications: how they are found, mounted, configured and reported."""

from __future__ import annotations

import random
import re
import socket
import threading
from pathlib import Path

import httpx
import pytest

from tests.e2e import forked
from tests.e2e.forked import ForkedServe
from tests.wsgi import wsgiprobe
from tests.wsgi.conftest import CLEAR
from tests.wsgi.wsgiprobe import BLOCK, TEXT

SITE = """
def application(environ, start_response):
    if environ["PATH_INFO"] == "/fails":
        return look_up(environ["QUERY_STRING"])
    if environ["PATH_INFO"] == "/header":
        start_response("200 OK", [("X-Evil", "a\\r\\nb: c")])
    start_response("200 OK", [("Content-Type", "text/plain")])
    facts = (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["wsgi.multiprocess"])
    return [repr(facts).encode()]

def look_up(name):
    raise LookupError(name)

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asgi"})

class Undetectable:
    __call__ = lambda self, environ, start_response=None: application(environ, start_response)

undetectable = Undetectable()
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site_of_test.py").write_text(SITE)
    return tmp_path


def get(server, path):
    return httpx.get(f"{server.url}{path}", trust_env=False, verify=CLEAR, timeout=20)


def test_it_is_found_out_that_an_application_is_wsgi(site, worker):
    with ForkedServe("site_of_test", ["-k", worker], cwd=site) as server:
        assert get(server, "/a").text == "('', '/a', False)"


def test_the_interface_can_be_told(site):
    args = ["--interface", "wsgi", "--root-path", "/shop"]
    with ForkedServe("site_of_test:undetectable", args, cwd=site) as server:
        assert get(server, "/shop/a").text == "('/shop', '/a', False)"


def test_an_environ_tells_of_several_workers(site):
    with ForkedServe("site_of_test", ["-w", "2"], cwd=site) as server:
        assert get(server, "/a").text == "('', '/a', True)"


MOUNT = """
app = "site_of_test:asgi"
[[middleware]]
use = "wsgi"
path = "/old"
app = "{}"
"""


def test_an_application_is_mounted_by_the_configuration(site, worker):
    (site / "nonecorn.toml").write_text(MOUNT.format("site_of_test:application"))
    args = ["-c", "nonecorn.toml", "-k", worker]
    bind = "bind = ['127.0.0.1:0']\n"
    (site / "nonecorn.toml").write_text(bind + MOUNT.format("site_of_test:application"))
    with ForkedServe(None, args, cwd=site) as server:
        assert get(server, "/new").text == "asgi"
        assert get(server, "/old/a").text == "('/old', '/a', False)"


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ("site_of_test:nothing", "has no attribute 'nothing'"),
        ("nowhere_at_all:app", "nowhere_at_all"),
        ("site_of_test:asgi", "it is async"),
    ],
)
def test_a_mount_of_nothing_is_one_clear_line_at_start(site, app, problem):
    (site / "nonecorn.toml").write_text("bind = ['127.0.0.1:0']\n" + MOUNT.format(app))
    run = forked.run("serve", "-c", "nonecorn.toml", cwd=site)
    assert run.returncode == 2, run.stderr
    assert problem in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("command", [["config", "check"], ["serve"]])
def test_a_mistake_in_a_mount_is_one_line_at_check_and_at_start(site, command):
    mount = MOUNT.format("site_of_test:application").replace("/old", "old")
    (site / "nonecorn.toml").write_text("bind = ['127.0.0.1:0']\n" + mount)
    run = forked.run(*command, "-c", "nonecorn.toml", cwd=site)
    assert run.returncode == 2, run.stderr
    [line] = run.stderr.splitlines()
    assert "wsgi" in line
    assert "not 'old'" in line


def test_the_log_shows_the_applications_own_code(site):
    with ForkedServe("site_of_test", cwd=site) as server:
        assert get(server, "/fails?name").status_code == 500
        assert get(server, "/header").status_code == 500
        server.wait_for_line("LookupError: name")
        server.wait_for_line("has a control character in it")
        shown = server.errors
    assert "GET /fails: the application failed" in shown
    assert "in look_up" in shown
    assert "GET /header: the application failed" in shown
    assert "X-Evil" in shown
    assert not re.search(r"nonecorn_wsgi/_(pool|handoff)\.py", shown)


def test_a_file_arrives_whole_whichever_way_it_is_sent(bare, connect):
    data = Path(wsgiprobe.__file__).read_bytes()
    with connect(bare.url) as client:
        for _ in range(3):
            response = client.get("/by_file")
            assert response.content == data
            assert response.headers["content-length"] == str(len(data))
        assert client.head("/by_file").content == b""
        large = client.get("/download?50").content
        assert large == BLOCK * 50


def test_clients_that_go_at_any_moment_leave_no_thread_behind(serve):
    """Afterwards as many requests as there are threads meet each other."""
    barrier = threading.Barrier(4)

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/meet":
            barrier.wait(20)
            start_response("200 OK", TEXT)
            return [b"met"]
        return converse(environ, start_response)

    def converse(environ, start_response):
        environ["wsgi.input"].read(1000)
        start_response("200 OK", TEXT)
        yield b"begin"
        environ["wsgi.input"].read(100_000)
        for _ in range(20):
            yield BLOCK
        environ["wsgi.input"].read()

    server = serve(app, wsgi={"threads": 4})
    draw = random.Random(3333)
    body = b"x" * 200_000
    for _ in range(60):
        with socket.create_connection(server.address, 20) as client:
            head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
            client.sendall(head + body[: draw.choice((0, 1, 1000, 70_000, 200_000))])
            wanted = draw.choice((0, 1, 100_000))
            client.settimeout(0.05 if draw.random() < 0.5 else 0.2)
            try:
                while wanted > 0:
                    wanted -= len(client.recv(wanted)) or wanted
            except TimeoutError:
                pass  # it waits for the rest of the body
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(get(server, "/meet").text)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == ["met"] * 4
