"""Several applications in one process: who starts, who answers, who stops, and what fails."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from nonecorn.testing import ServeExitedError
from tests.e2e import forked
from tests.middleware.conftest import SITES, get

MOUNTS = """
[[middleware]]
use = "dispatcher"
mounts = [
  {path = "/one", app = "plain:one"},
  {path = "/one/two", app = "plain:two"},
  {path = "/without", app = "plain:without"},
  {path = "/made", app = "plain:make", factory = true},
  {path = "/wsgi", app = "plain:wsgi", interface = "wsgi"},
  {host = "two.example", app = "plain:two"},
  {host = "*.one.example", path = "/x", app = "plain:one"},
]
"""


@pytest.fixture(scope="module")
def server(serve, worker):
    with serve(worker, MOUNTS, app="plain:site") as running:
        yield running


@pytest.mark.parametrize(
    ("path", "host", "name", "root"),
    [
        ("/", None, "site", ""),
        ("/one/x", None, "one", "/one"),
        ("/one/two", None, "two", "/one/two"),
        ("/one%2Ftwo", None, "site", ""),
        ("/ones", None, "site", ""),
        ("/without", None, "without", "/without"),
        ("/made", None, "made", "/made"),
        ("/one", "two.example:1234", "two", ""),
        ("/x/y", "a.one.example", "one", "/x"),
        ("/y", "a.one.example", "site", ""),
    ],
)
def test_each_answers_in_its_place(server, path, host, name, root):
    headers = {} if host is None else {"host": host}
    found = get(f"{server.url}{path}", headers=headers).json()
    assert (found["name"], found["root_path"], found["raw"]) == (name, root, path)
    assert found["path"] == path.replace("%2F", "/")
    assert found["state"] == (None if name == "without" else {"who": name})


def test_a_wsgi_application_may_be_mounted(server):
    found = get(f"{server.url}/wsgi/a/b").json()
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/wsgi", "/a/b")


def test_sockets_are_dispatched(server):
    with connect(f"{server.url.replace('http', 'ws', 1)}/one/chat") as socket:
        found = json.loads(socket.recv())
    assert (found["name"], found["root_path"], found["scheme"]) == ("one", "/one", "ws")
    assert found["state"] == {"who": "one"}


def test_lifespans_run_in_order_and_once(serve, worker):
    with serve(worker, MOUNTS, app="plain:site") as server:
        get(f"{server.url}/one")
    assert server.output.split("\n")[:-1] == [
        "site startup", "one startup", "two startup", "made startup",
        "made shutdown", "two shutdown", "one shutdown", "site shutdown",
    ]  # fmt: skip


ALONE = '[[middleware]]\nuse = "dispatcher"\nmounts = [{path = "/one", app = "plain:one"}]\n'


def test_no_further_application_is_needed(serve, worker):
    with serve(worker, ALONE, "--lifespan", "on") as server:
        assert get(f"{server.url}/one").json()["state"] == {"who": "one"}
        assert get(f"{server.url}/two").status_code == 404
        with pytest.raises(InvalidStatus) as caught, connect(f"ws{server.url[4:]}/two"):
            pass
        assert caught.value.response.status_code == 404


def test_workers_each_have_their_own(serve):
    """On one loop: what differs is that there are two processes, each as the one above."""
    with serve("asyncio", ALONE, "--workers", "2") as server:
        assert get(f"{server.url}/one").json()["name"] == "one"
    assert server.output.count("one startup") == server.output.count("one shutdown") == 2


def mounts(*apps):
    tables = ", ".join(f'{{path = "/{app}", app = "plain:{app}"}}' for app in apps)
    return f'[[middleware]]\nuse = "dispatcher"\nmounts = [{tables}]\n'


def test_one_that_fails_to_start_ends_the_start(serve, worker):
    with pytest.raises(ServeExitedError) as caught, serve(worker, mounts("one", "failing", "two")):
        pass
    assert caught.value.exit_code == 3
    lines = caught.value.errors.splitlines()
    assert lines[-1].endswith("start-up failed: /failing: no database")


def test_one_that_raises_at_its_end_lets_the_others_end(serve, worker):
    file = mounts("one", "crashing", "two")
    with serve(worker, file, tracebacks=1) as server:
        assert get(f"{server.url}/two").json()["state"] == {"who": "two"}
    assert server.output.split("\n")[-4:-1] == ["two shutdown", "crashing shutdown", "one shutdown"]
    assert "/crashing: the application raised during lifespan shutdown" in server.errors
    assert "RuntimeError: cannot close" in server.errors


# Mistakes


def run(*args, toml, tmp_path):
    (tmp_path / "site.toml").write_text(toml)
    configured = ("-c", str(tmp_path / "site.toml"), "--app-dir", str(SITES))
    return forked.run(*args, *configured, cwd=tmp_path)


def entry(options, use="dispatcher"):
    return f'[[middleware]]\nuse = "{use}"\n{options}\n'


MISTAKES = {
    "nothing mounted": (entry("mounts = []"), "dispatcher: mounts is empty"),
    "unknown option": (entry("mount = []"), "dispatcher: unknown option 'mount'"),
    "unknown key of a mount": (
        entry('mounts = [{pth = "/a", app = "plain:one"}]'),
        "dispatcher: mount 1: unknown option 'pth': did you mean path?",
    ),
    "no application": (entry('mounts = [{path = "/a"}]'), "mount 1: app names no application"),
    "bad network": (
        entry('trusted = ["10.0.0.0/33"]', "proxy_fix"), "proxy_fix: trusted: '10.0.0.0/33'",
    ),
    "network with host bits": (
        entry('trusted = ["10.0.0.1/8"]', "proxy_fix"), "is 10.0.0.0/8 meant?",
    ),
    "nobody trusted": (entry("hops = 1", "proxy_fix"), "proxy_fix: trusted names nobody"),
    "unknown option of proxy_fix": (
        entry('truste = ["10.0.0.1"]', "proxy_fix"), "'truste': did you mean trusted?",
    ),
    "no hosts": (entry("status = 308", "https_redirect"), "https_redirect: hosts names nobody"),
    "unknown middleware": (entry("", "dispatchr"), "did you mean 'dispatcher'?"),
}  # fmt: skip


@pytest.mark.parametrize("command", [["config", "check"], ["serve"]])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_at_check_and_at_start(name, command, tmp_path):
    toml, words = MISTAKES[name]
    found = run(*command, "plain:site", toml=f'bind = "127.0.0.1:0"\n{toml}', tmp_path=tmp_path)
    assert found.returncode == 2, found.stderr
    [line] = found.stderr.splitlines()
    assert line.startswith("nonecorn: error: middleware (site.toml:2)") or str(tmp_path) in line
    assert words in line


LOADING = {
    "no such module": ("nothere:app", [], "/a: 'nothere:app': there is no module 'nothere'"),
    "no such attribute": ("plain:on", [], "did you mean 'one'?"),
    "a factory": ("plain:make", [], "it is a factory"),
    "wsgi without its plugin": ("plain:wsgi", ["--no-plugin", "wsgi"], "nonecorn[wsgi]"),
}


@pytest.mark.parametrize("command", [["config", "check", "--import-app"], ["serve"]])
@pytest.mark.parametrize("name", LOADING)
def test_an_application_that_cannot_be_had_is_one_line(name, command, tmp_path):
    app, args, words = LOADING[name]
    toml = f'bind = "127.0.0.1:0"\n{entry(f"""mounts = [{{path = "/a", app = "{app}"}}]""")}'
    found = run(*command, *args, toml=toml, tmp_path=tmp_path)
    assert found.returncode == 3, found.stderr
    line = found.stderr.splitlines()[-1]
    assert "/a: " in line
    assert words in line
    assert "Traceback" not in found.stderr


def test_the_configuration_is_good_without_importing_anything(tmp_path):
    toml = entry('mounts = [{path = "/a", app = "nothere:app"}]')
    assert run("config", "check", toml=toml, tmp_path=tmp_path).returncode == 0
