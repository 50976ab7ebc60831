"""Every way in which a start fails: one line that says what and where, and an exit code."""

from __future__ import annotations

import os
import socket

import pytest
import trustme

from tests.e2e.forked import run

APPS = """
async def app(scope, receive, send):
    assert scope["type"] != "lifespan"

def wsgi(environ, start_response):
    return []

async def failed(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})

async def raises(scope, receive, send):
    await receive()
    raise LookupError("no such table")

async def hangs(scope, receive, send):
    await receive()
    await receive()
"""

PLUGIN = """
PLUGIN_API = 1
from nonecorn.spi import ObserverSpec, Ref, hookimpl

def make(context):
    raise OSError("no collector")

@hookimpl
def nonecorn_observers():
    return [ObserverSpec(name="broken", observer=Ref("broken_observer:make"))]
"""

BIND = ("--bind", "127.0.0.1:0")

CASES = {
    # Addresses
    "host without an address": (3, ["apps:app", "-b", "nowhere.invalid:80"], ["nowhere.invalid"]),
    "address of another machine": (3, ["apps:app", "-b", "192.0.2.1:0"], ["192.0.2.1:0"]),
    "port out of range": (2, ["apps:app", "-b", "127.0.0.1:99999"], ["127.0.0.1:99999", "65535"]),
    "socket in no directory": (3, ["apps:app", "-b", "unix:no/where"], ["unix:no/where", "no"]),
    "socket over a file": (3, ["apps:app", "-b", "unix:apps.py"], ["unix:apps.py", "no socket"]),
    "descriptor that is no socket": (3, ["apps:app", "-b", "fd://0"], ["fd://0", "no socket"]),
    "descriptor that is not open": (3, ["apps:app", "-b", "fd://77"], ["fd://77", "not open"]),
    "address without TLS alone": (2, ["apps:app", "--insecure-bind", ":0"], ["--certfile"]),
    # Application
    "no application": (2, [*BIND], ["no application"]),
    "no such module": (3, [*BIND, "nothere:app"], ["nothere"]),
    "no such attribute": (3, [*BIND, "apps:ap"], ["apps:ap", "did you mean 'app'"]),
    "no application object": (3, [*BIND, "apps:__name__"], ["apps:__name__"]),
    "wsgi without its plugin": (
        3,
        [*BIND, "apps:wsgi", "--no-plugin", "wsgi"],
        ["apps:wsgi", "nonecorn[wsgi]"],
    ),
    "interface that is not there": (
        2,
        [*BIND, "apps:app", "--interface", "rsgi"],
        ["--interface", "rsgi", "asgi3"],
    ),
    # Lifespan
    "lifespan start-up failed": (3, [*BIND, "apps:failed"], ["no database"]),
    "lifespan start-up too slow": (
        3,
        [*BIND, "apps:hangs", "--startup-timeout", "0.1"],
        ["longer than 0.1 s"],
    ),
    "lifespan not supported": (3, [*BIND, "apps:app", "--lifespan", "on"], ["--lifespan is on"]),
    "lifespan raised": (3, [*BIND, "apps:raises", "--lifespan", "on"], ["no such table"]),
    # TLS
    "no such certificate": (2, [*BIND, "apps:app", "--certfile", "no.pem"], ["no.pem"]),
    "certificate that is none": (3, [*BIND, "apps:app", "--certfile", "apps.py"], ["apps.py"]),
    "certificate without key": (3, [*BIND, "apps:app", "--certfile", "cert.pem"], ["cert.pem"]),
    "key of another": (
        3,
        [*BIND, "apps:app", "--certfile", "cert.pem", "--keyfile", "other.pem"],
        ["cert.pem", "does not belong"],
    ),
    "encrypted key without password": (
        3,
        [*BIND, "apps:app", "--certfile", "cert.pem", "--keyfile", "locked.pem"],
        ["locked.pem", "password"],
    ),
    "wrong password": (
        3,
        [*BIND, "apps:app", "-c", "locked.toml"],
        ["locked.pem", "password"],
    ),
    # Configuration
    "unknown option": (2, [*BIND, "apps:app", "--graceful-timeot", "1"], ["--graceful-timeout"]),
    "bad value": (2, [*BIND, "apps:app", "--backlog", "many"], ["backlog", "many"]),
    "no such file": (2, [*BIND, "apps:app", "-c", "no.toml"], ["no.toml"]),
    "file that is no TOML": (2, [*BIND, "apps:app", "-c", "bad.toml"], ["bad.toml", "line 1"]),
    "unknown key": (2, ["apps:app", "-c", "odd.toml"], ["odd.toml:1", "did you mean 'bind'"]),
    "unknown worker": (3, [*BIND, "apps:app", "-k", "gevent"], ["gevent", "asyncio"]),
    "unknown plugin": (3, [*BIND, "apps:app", "-p", "no_such"], ["no_such"]),
    "unknown middleware": (2, [*BIND, "apps:app", "--middleware", "no_such"], ["no_such"]),
    "PID file in no directory": (2, [*BIND, "apps:app", "--pid", "no/where"], ["no/where"]),
    "PID file that is a directory": (3, [*BIND, "apps:app", "--pid", "/"], ["PID file /"]),
    "bad log format": (2, [*BIND, "apps:app", "--access-log", "-", "--access-log-format", "%(z)s"],
        ["%(z)s"]),
    "broken observer": (
        3,
        [*BIND, "apps:app", "-p", "./broken_observer.py"],
        ["'broken'", "OSError: no collector"],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("failures")
    (path / "apps.py").write_text(APPS)
    (path / "crashes.py").write_text("def connect():\n    1 / 0\n\nconnect()\n")
    (path / "broken_observer.py").write_text(PLUGIN)
    (path / "bad.toml").write_text("bind =\n")
    (path / "odd.toml").write_text('bnid = "127.0.0.1:0"\n')
    authority = trustme.CA()
    own, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    own.cert_chain_pems[0].write_to_path(path / "cert.pem")
    other.private_key_pem.write_to_path(path / "other.pem")
    (path / "locked.toml").write_text(
        'certfile = "cert.pem"\nkeyfile = "locked.pem"\nkeyfile_password = "wrong"\n'
    )
    (path / "locked.pem").write_bytes(_locked(own.private_key_pem.bytes()))
    return path


def _locked(key: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.fixture
def serve(directory):
    def serve(*args):
        environ = {k: v for k, v in os.environ.items() if not k.startswith("NONECORN_")}
        env = {**environ, "PYTHONPATH": str(directory)}
        return run("serve", "-k", "asyncio", *args, cwd=directory, env=env)

    return serve


@pytest.mark.parametrize("name", CASES)
def test_a_start_that_fails_says_why(name, serve):
    code, args, words = CASES[name]
    found = serve(*args)
    assert found.returncode == code, found.stderr
    *before, last = found.stderr.splitlines()
    assert last.lower().removeprefix("nonecorn: ").startswith("error: ")
    for word in words:
        assert word in last
    assert found.stdout == ""
    if name.startswith("lifespan"):  # the application's own words may come before
        return
    assert "Traceback" not in found.stderr
    assert before == [] or before[0].startswith("Usage: ")


def test_a_port_in_use_is_named(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:{}".format(*taken.getsockname()[1:])
        found = serve("apps:app", "-b", address)
    assert found.returncode == 3
    [line] = found.stderr.splitlines()
    assert line.startswith(f"nonecorn: error: cannot bind {address}: ")


def test_addresses_before_the_one_that_fails_are_given_back(serve, tmp_path):
    path = tmp_path / "socket"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = serve("apps:app", "-b", f"unix:{path}", "-b", f"127.0.0.1:{port}")
    assert found.returncode == 3
    assert not path.exists()


def test_an_error_inside_the_application_shows_where_it_is(serve):
    found = serve(*BIND, "crashes:app")
    assert found.returncode == 3
    *traceback, last = found.stderr.splitlines()
    assert last.startswith("nonecorn: error: 'crashes:app' ")
    assert traceback[0] == "Traceback (most recent call last):"
    assert 'crashes.py", line 2, in connect' in found.stderr
    assert traceback[-1] == "ZeroDivisionError: division by zero"
    assert "nonecorn" not in "".join(traceback)


def test_what_the_application_raised_at_start_up_is_shown(serve):
    found = serve(*BIND, "apps:raises", "--lifespan", "on")
    assert 'apps.py", line 14, in raises' in found.stderr
