"""WSGI applications behind other layers, and what is missing, as the command tells it."""

from __future__ import annotations

import json
import os

import pytest

from nonecorn.testing.asgi import call, make_scope
from nonecorn_dispatcher import Dispatcher, Mount
from nonecorn_proxy_fix import ProxyFix
from nonecorn_wsgi import WSGIMiddleware
from tests.e2e import forked
from tests.middleware.conftest import SITES
from tests.middleware.sites import plain

PROXY = ("10.0.0.1", 4711)
TOLD = (
    (b"host", b"inner:8000"), (b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"shop.example"), (b"x-forwarded-prefix", b"/shop"),
)  # fmt: skip


def environ_of(app, **more):
    scope = make_scope(path="/wsgi/a", raw_path=b"/wsgi/a", client=PROXY, headers=TOLD, **more)
    return json.loads(call(app, scope, threads=True).content)


@pytest.fixture
def behind():
    """A WSGI application below a path, behind proxies that are trusted."""
    mounts = Dispatcher([Mount(WSGIMiddleware(plain.wsgi), path="/wsgi")])
    fields = ["for", "proto", "host", "prefix"]
    return lambda trusted: ProxyFix(mounts, trusted=[trusted], fields=fields)


def test_the_environ_has_what_a_trusted_proxy_says(behind):
    assert environ_of(behind("10.0.0.0/8")) == {
        "SCRIPT_NAME": "/shop/wsgi",
        "PATH_INFO": "/a",
        "REMOTE_ADDR": "192.0.2.7",
        "wsgi.url_scheme": "https",
        "HTTP_HOST": "shop.example",
    }


def test_and_nothing_of_what_others_say(behind):
    assert environ_of(behind("192.0.2.0/24")) == {
        "SCRIPT_NAME": "/wsgi",
        "PATH_INFO": "/a",
        "REMOTE_ADDR": PROXY[0],
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "inner:8000",
    }


# What is missing ----------------------------------------------------------------------------------


def run(tmp_path, toml, *command, **environ):
    file = tmp_path / "site.toml"
    file.write_text(f'bind = "127.0.0.1:0"\n{toml}')
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("NONECORN_")}
    arguments = [*command, "-c", str(file), "--app-dir", str(SITES)]
    return forked.run(*arguments, cwd=tmp_path, env={**inherited, **environ})


@pytest.mark.parametrize("command", [["config", "check", "--import-app"], ["serve"]])
@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("plain:wsg", "has no attribute 'wsg'"),
        ("nothere:app", "No module named 'nothere'"),
        ("plain:without", "it is async"),
    ],
)
def test_a_wsgi_mount_of_nothing_is_one_line_at_check_and_at_start(tmp_path, command, app, words):
    mount = f'app = "plain:site"\n[[middleware]]\nuse = "wsgi"\npath = "/old"\napp = "{app}"\n'
    found = run(tmp_path, mount, *command)
    assert found.returncode == 2, found.stderr
    line = found.stderr.splitlines()[-1]
    assert line.startswith("nonecorn: error: middleware wsgi: app: ")
    assert words in line
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("command", [["config", "check"], ["serve"]])
def test_a_library_that_is_missing_is_one_line_at_check_and_at_start(tmp_path, command):
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    for name in ("brotli", "brotlicffi"):
        (shadow / f"{name}.py").write_text(f"raise ModuleNotFoundError('No {name}', name='{name}')")
    layer = 'app = "plain:site"\n[[middleware]]\nuse = "compress"\ncodings = ["br", "gzip"]\n'
    found = run(tmp_path, layer, *command, PYTHONPATH=str(shadow))
    assert found.returncode == 2, found.stderr
    [line] = found.stderr.splitlines()
    assert line.startswith("nonecorn: error: middleware (")
    assert "pip install 'nonecorn-compress[brotli]'" in line


@pytest.mark.parametrize("command", [["config", "check"], ["serve"]])
def test_a_plugin_that_is_left_out_is_one_line_at_check_and_at_start(tmp_path, command):
    layer = 'app = "plain:site"\n[[middleware]]\nuse = "limits"\nrate = "1/s"\n'
    found = run(tmp_path, layer, *command, "--no-plugin", "limits")
    assert found.returncode == 2, found.stderr
    [line] = found.stderr.splitlines()
    assert "there is no middleware 'limits'" in line
    assert "drop --no-plugin limits" in line
