"""Becoming another user: for real, in processes of their own, where the tests run as root."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import trustme

from nonecorn import serve
from nonecorn.config.schema import ServerSettings
from nonecorn.serving.privileges import Identity, become, identity_of
from nonecorn.spi import ConfigError
from nonecorn.testing import ServeExitedError, ServeProcess
from nonecorn.testing.wire import connect, read_responses
from tests.serving.loops import plan_of, run_on

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other users")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become somebody else"
)
NOBODY = 65534
NO_ACCOUNT = 54321


# Who that is --------------------------------------------------------------------------------------


def test_nobody_asked_is_nobody_else():
    assert identity_of(ServerSettings()) is None
    become(None)


def test_a_user_comes_with_its_group_and_home():
    assert identity_of(ServerSettings(user="root")) == Identity(
        user=0, group=0, name="root", home="/root"
    )


def test_a_group_may_be_another_or_alone():
    found = identity_of(ServerSettings(user="0", group="4321"))
    assert (found.user, found.group, found.name) == (0, 4321, "root")
    assert identity_of(ServerSettings(group="4321")) == Identity(group=4321)


def test_a_number_without_an_account_needs_a_group():
    with pytest.raises(ConfigError, match=f"user: {NO_ACCOUNT} has no account on this machine"):
        identity_of(ServerSettings(user=str(NO_ACCOUNT)))
    found = identity_of(ServerSettings(user=str(NO_ACCOUNT), group="4321"))
    assert found == Identity(user=NO_ACCOUNT, group=4321)


@pytest.mark.parametrize("name", ["user", "group"])
def test_an_unknown_name_is_told(name):
    with pytest.raises(ConfigError, match=f"{name}: this machine has no {name} 'no-such-name'"):
        identity_of(ServerSettings(**{name: "no-such-name"}))


# Becoming it --------------------------------------------------------------------------------------

BECOMES = """
import json, os, sys
from nonecorn.config.schema import ServerSettings
from nonecorn.serving.privileges import Identity, become, identity_of
from nonecorn.spi import NonecornError

first, *others = (Identity(**each) for each in json.loads(sys.argv[1]))
become(first)
try:
    for each in others:
        become(each)
except NonecornError as error:
    print(error)
else:
    names = [os.environ.get(name) for name in ("HOME", "USER", "LOGNAME")]
    print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups(), names]))
"""


def become_in_child(*identities):
    done = subprocess.run(
        [sys.executable, "-c", BECOMES, json.dumps(identities)],
        env={"PATH": os.environ["PATH"], "HOME": "/of/root"},
        capture_output=True,
        check=True,
        timeout=30,
        text=True,
    )
    return done.stdout.strip()


@as_root
def test_every_right_of_root_goes():
    identity = {"user": NOBODY, "group": 12, "name": "nobody", "home": "/nonexistent"}
    users, groups, further, names = json.loads(become_in_child(identity))
    assert users == [NOBODY] * 3
    assert groups == [12] * 3
    assert 0 not in further
    assert names == ["/nonexistent", "nobody", "nobody"]


@as_root
def test_a_user_without_an_account_has_its_one_group():
    users, groups, further, names = json.loads(become_in_child({"user": NO_ACCOUNT, "group": 4321}))
    assert (users, groups, further) == ([NO_ACCOUNT] * 3, [4321] * 3, [4321])
    assert names == ["/of/root", None, None]


@as_root
def test_others_cannot_become_anybody():
    nobody = {"user": NOBODY, "group": NOBODY}
    assert become_in_child(nobody, {"user": 1, "group": 1, "name": "daemon"}) == (
        "only root may become user daemon, group 1: start as root, or without --user and --group"
    )
    assert become_in_child(nobody, {"group": 0}).startswith("only root may become group 0")


@as_root
def test_who_is_that_user_already_stays_as_it_is():
    nobody = {"user": NOBODY, "group": NOBODY, "name": "nobody"}
    assert json.loads(become_in_child(nobody, nobody))[0] == [NOBODY] * 3


# A server -----------------------------------------------------------------------------------------

APP = """
import json, os

mask = os.umask(0)
os.umask(mask)
AT_IMPORT = [os.getuid(), os.getgid(), mask]

async def app(scope, receive, send):
    facts = AT_IMPORT
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(facts).encode()})
"""


@pytest.fixture
def site():
    """A directory that everybody may read, and only root may write."""
    path = Path(tempfile.mkdtemp(prefix="nonecorn-"))
    path.chmod(0o755)
    (path / "app.py").write_text(APP)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def readable(site):
    command = [sys.executable, "-c", "import decimal, nonecorn.__main__"]
    try:
        subprocess.run(command, user=NOBODY, cwd=site, capture_output=True, check=True)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("this interpreter or this checkout cannot be read by other users")


@as_root
@pytest.mark.parametrize("worker", ["asyncio", "uvloop", "trio"])
def test_root_opens_what_only_root_may_and_the_application_is_another_users(site, readable, worker):
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(site / "key.pem")
    (site / "key.pem").chmod(0o600)
    args = ["-k", worker, "--lifespan", "off", "--user", "nobody", "--group", "12"]
    args += ["--umask", "027", "--pid", "pid", "--certfile", "key.pem", "--bind", "localhost:0"]
    made = ssl.create_default_context()
    authority.configure_trust(made)
    with ServeProcess("app:app", args, cwd=site) as server:
        with made.wrap_socket(connect(server.address, 20), server_hostname="localhost") as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        [response] = read_responses(answer)
        assert json.loads(response.body) == [NOBODY, 12, 0o027]
        assert (site / "pid").read_text() == f"{server.pid}\n"
        server.terminate()
        assert server.wait() == 0
    # The directory is root's: the file cannot be removed any more, but it names nobody.
    assert (site / "pid").read_text() == ""


@as_root
def test_who_may_not_is_told_in_one_line(site, readable):
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed")
    process = ServeProcess("app:app", ["--user", "daemon"], cwd=site)
    process.command = ["setpriv", "--reuid", "nobody", "--clear-groups", *process.command]
    with pytest.raises(ServeExitedError) as caught:
        process.start()
    assert caught.value.exit_code == 3
    assert "only root may become user daemon" in caught.value.errors
    assert "Traceback" not in caught.value.errors


@pytest.mark.parametrize("setting", [{"user": "root"}, {"group": "root"}, {"umask": "022"}])
def test_a_program_of_its_own_changes_its_process_itself(setting):
    async def app(scope, receive, send):
        raise AssertionError

    async def started():
        await serve(app, bind="127.0.0.1:0", **setting)

    with pytest.raises(ConfigError, match=r"nonecorn\.serve\(\) leaves the process as it is"):
        run_on("asyncio", started)


@pytest.mark.parametrize("name", ["umask", "socket_mode"])
@pytest.mark.parametrize("value", ["8", "0x1f", "1000", "rw-rw----", "-1"])
def test_what_is_no_set_of_permissions_is_told(name, value):
    with pytest.raises(ConfigError, match=f"{name}.*: '{value}': write permissions in octal"):
        plan_of(**{name: value})
