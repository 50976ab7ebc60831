"""The configuration changes as well."""

import socket
import sys

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get
from tests.reload.conftest import Reloading, app


def configured(tmp_path, *args) -> Reloading:
    (tmp_path / "app.py").write_text(app())
    return Reloading(tmp_path, *args)


def test_the_configuration_file_and_one_that_cannot_be_used(tmp_path, write):
    write("nonecorn.toml", "")
    with configured(tmp_path) as server, socket.create_connection(server.address, 20) as sock:
        assert server.get().values(b"server") == [b"nonecorn"]
        process, port = server.text("/process"), server.port
        server.write("nonecorn.toml", "no_such_setting = 1\n")
        assert "nonecorn.toml:1" in server.wait_for_line("no_such_setting")
        server.wait_for_line("the configuration cannot be used: waiting for a change")
        assert server.text("/process") == process  # the application goes on
        server.write("nonecorn.toml", "[")
        server.wait_for_line("this is no TOML")
        server.edit("nonecorn.toml", "server_header = false\n")
        server.wait_for_line("nonecorn.toml changed: restarting")
        with connect(("127.0.0.1", port), 20) as other:  # the socket stays
            assert ask(other, get()).values(b"server") == []
        assert sock.recv(1) == b""
    assert server.exit_code == 0


def test_one_that_exits_ends_nothing(tmp_path, write):
    write("config.py", "server_header = True\n")
    with configured(tmp_path, "-c", "config.py", "--bind", "127.0.0.1:0") as server:
        server.write("config.py", "import sys\nsys.exit(1)\n")
        server.wait_for_line("the configuration exited with 1")
        assert server.text() == "1"
        server.edit("config.py", "server_header = False\n")
        assert server.get().values(b"server") == []


def test_one_that_says_the_same_changes_nothing(tmp_path, write):
    write("nonecorn.toml", "")
    with configured(tmp_path) as server:
        server.write("nonecorn.toml", "# a comment\n")
        server.write("pyproject.toml", "[project]\nname = 'shop'\n")
        server.edit("app.py", app(2))
        assert server.errors.count(": restarting") == 1


def test_other_addresses_and_one_that_is_in_use_changes_nothing(tmp_path, write):
    write("nonecorn.toml", 'bind = ["127.0.0.1:0"]\n')
    with (
        configured(tmp_path, "--config", "nonecorn.toml") as server,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        taken = other.getsockname()[1]
        for times in (1, 2):
            bind = f'["127.0.0.1:0", "127.0.0.1:{taken}"]'
            server.write("nonecorn.toml", f"bind = {bind} # {'x' * times}\n")
            server.wait_for_line("cannot be used: waiting", nth=times)
            assert server.text() == "1"
        server.edit("nonecorn.toml", 'bind = ["127.0.0.1:0", "127.0.0.2:0"]\n')
        assert server.text() == "1"


def test_a_named_file_elsewhere(tmp_path):
    file = tmp_path.with_name(f"{tmp_path.name}-site.toml")
    file.write_text('bind = "127.0.0.1:0"\n')
    with configured(tmp_path, "--config", str(file)) as server:
        file.write_text('bind = "127.0.0.1:0"\nserver_header = false\n')
        server.restarted()
        assert server.get().values(b"server") == []


def test_the_environment_file(tmp_path, write):
    write(".env", "FLAVOUR=vanilla\n")
    with configured(tmp_path, "--env-file", ".env") as server:
        assert server.text("/environment") == "vanilla"
        server.edit(".env", "FLAVOUR=lemon\n")
        assert server.text("/environment") == "lemon"
        server.edit(".env", "")
        assert server.text("/environment") == "none"


def test_what_is_watched(tmp_path, write):
    write("nonecorn.toml", "")
    with configured(tmp_path) as server:
        server.write("page.html", "1")
        server.edit("nonecorn.toml", 'reload_include = ["*.html"]\n')
        server.edit("page.html", "22")
        server.wait_for_line("page.html changed")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no unix sockets in asyncio")
def test_a_unix_socket_stays_and_goes_at_the_end(tmp_path, write):
    write("nonecorn.toml", "")
    path = tmp_path / "s"
    with configured(tmp_path, "--bind", f"unix:{path}") as server:
        server.edit("app.py", app(2))
        assert server.text() == "2"
        server.edit("nonecorn.toml", "server_header = false\n")
        assert server.text() == "2"
        server.interrupt()
        assert server.wait() == 0
    assert not path.exists()
