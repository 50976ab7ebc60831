"""Gunicorn's settings do what they do there, and nonecorn's own can all be reached and win."""

import os
import signal
import socket

import httpx
import pytest

from tests.gunicorn.conftest import PATIENCE, Gunicorn, clear_client, get


def raw(server, data):
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def status(answer):
    return int(answer.split(b" ", 2)[1])


def test_limits_of_a_request(gunicorn):
    server = gunicorn(
        *("--limit-request-line", "200", "--limit-request-fields", "5"),
        *("--limit-request-field_size", "400"),
    )
    host = b"Host: test\r\n"
    assert status(raw(server, b"GET /%b HTTP/1.1\r\n%b\r\n" % (b"x" * 100, host))) == 200
    assert status(raw(server, b"GET /%b HTTP/1.1\r\n%b\r\n" % (b"x" * 300, host))) == 414
    fields = b"".join(b"X-%d: 1\r\n" % each for each in range(9))
    assert status(raw(server, b"GET / HTTP/1.1\r\n%b%b\r\n" % (host, fields))) == 431
    assert status(raw(server, b"GET / HTTP/1.1\r\n%bX: %b\r\n\r\n" % (host, b"x" * 9999))) == 431


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """One without options, which each test leaves as it was."""
    directory = tmp_path_factory.mktemp("plain")
    with Gunicorn(directory, "-k", "nonecorn_gunicorn.AsyncioWorker") as server:
        yield server


def test_a_line_of_the_default_length_is_too_long_by_default(plain):
    assert status(raw(plain, b"GET /%b HTTP/1.1\r\nHost: t\r\n\r\n" % (b"x" * 4000))) == 200
    assert status(raw(plain, b"GET /%b HTTP/1.1\r\nHost: t\r\n\r\n" % (b"x" * 5000))) == 414


def test_the_scheme_is_what_a_trusted_proxy_says(plain):
    fields = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.1"}
    facts = get(plain, headers=fields)
    assert (facts["scheme"], facts["client"][0]) == ("https", "127.0.0.1")
    assert get(plain, headers={"x-forwarded-proto": "http"})["scheme"] == "http"
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        get(plain, headers={"x-forwarded-proto": "https", "x-forwarded-ssl": "off"})


def test_http_2_is_spoken_on_clear_connections_by_those_who_know(plain):
    with clear_client(http1=False, http2=True) as client:
        assert client.get(plain.url).json()["version"] == "2"


def test_no_keepalive_is_one_request_a_connection(gunicorn):
    server = gunicorn("--keep-alive", "0")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert b"connection: close" in answer.lower()


def test_idle_connections_are_closed_after_keepalive(gunicorn):
    server = gunicorn("--keep-alive", "1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))  # to the end of the connection
    assert b"connection: close" not in answer.lower()


def test_what_the_base_class_does_is_done(gunicorn, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    variables = ("-e", "GUNI_ENV=tea", "-e", "NONECORN_ROOT_PATH=/env")
    facts = get(gunicorn(*variables, "--chdir", "elsewhere", "--preload"))
    assert (facts["raw_env"], facts["cwd"], facts["root_path"]) == ("tea", "elsewhere", "/env")


def test_the_scheme_is_what_the_connection_has_for_others(gunicorn):
    server = gunicorn("--forwarded-allow-ips", "192.0.2.0/24" if _takes_networks() else "192.0.2.1")
    assert get(server, headers={"x-forwarded-proto": "https"})["scheme"] == "http"


def _takes_networks():
    from gunicorn import version_info

    return version_info >= (24,)


def test_the_proxy_protocol_is_read_from_trusted_peers(gunicorn):
    server = gunicorn("--proxy-protocol", "--proxy-allow-from", "*")
    line = b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n"
    answer = raw(server, line + b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert b'"client": ["192.0.2.7", 1234]' in answer


def test_a_variable_wins_over_a_file_and_that_over_gunicorn(gunicorn, tmp_path):
    (tmp_path / "own.toml").write_text('root_path = "/file"\n[limits]\ntarget_size = 300\n')
    env = {"NONECORN_CONFIG": "own.toml", "NONECORN_ROOT_PATH": "/variable"}
    server = gunicorn("--limit-request-line", "200", env=env)
    assert get(server)["root_path"] == "/variable"
    assert get(server, f"/{'x' * 250}")["length"] == 251
    with pytest.raises(httpx.HTTPStatusError, match="414"):
        get(server, f"/{'x' * 350}")


def test_gunicorns_file_holds_nonecorns_settings_and_is_read_again(gunicorn, tmp_path):
    file = tmp_path / "gunicorn.conf.py"
    file.write_text('nonecorn = {"root_path": "/one", "limits": {"body_size": 3}}\n')
    server = gunicorn("-e", "NONECORN_ROOT_PATH=/variable")
    assert get(server)["root_path"] == "/one"
    with clear_client() as client:
        assert client.post(server.url, content=b"four").status_code == 413
    file.write_text('nonecorn = {"root_path": "/two"}\n')
    server.signal(signal.SIGHUP)
    first = server.workers(2)[0]
    server.line(f"Worker exiting (pid: {first})")
    assert get(server)["root_path"] == "/two"


def test_addresses_and_processes_are_gunicorns(gunicorn):
    env = {"NONECORN_BIND": "127.0.0.1:1", "NONECORN_WORKERS": "3", "NONECORN_WORKER": "trio"}
    server = gunicorn(env={**env, "NONECORN_RELOAD": "1"})
    assert get(server)["pid"] == server.workers(1)[0]
    assert "worker asyncio" in server.said


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"NONECORN_LIMITS_BODY_SIZE": "much"}, "NONECORN_LIMITS_BODY_SIZE"),
        ({"NONECORN_CONFIG": "absent.toml"}, "absent.toml"),
        (
            {"NONECORN_HEALTH_BIND": "127.0.0.1:0"},
            "health_bind (environment NONECORN_HEALTH_BIND): Gunicorn",
        ),
        ({"NONECORN_PLUGIN": "nowhere"}, "nowhere"),
    ],
)
def test_settings_that_cannot_be_used_end_gunicorn_with_a_line(gunicorn, env, line):
    server = gunicorn(serves=False, env=env)
    assert server.wait() == 3
    assert line in server.line("nonecorn cannot start: ")
    assert "Worker failed to boot" in server.said
    assert "Traceback" not in server.said


def test_a_mapping_that_is_none_ends_gunicorn_with_a_line(gunicorn, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("nonecorn = 5\n")
    server = gunicorn(serves=False)
    assert server.wait() == 3
    assert "gunicorn.conf.py: nonecorn = 5 is no mapping of settings" in server.said


def test_a_failed_start_up_ends_gunicorn_with_a_line(gunicorn, worker_class):
    server = gunicorn("-k", worker_class, serves=False, env={"GUNI_FAIL": "1"})
    assert server.wait() == 3
    assert "the database is away" in server.line("nonecorn cannot start: ")
    assert "Traceback" not in server.said


def test_an_application_that_is_not_there_ends_gunicorn_with_its_code(gunicorn):
    server = gunicorn(serves=False, app="guni_app:nobody")
    assert server.wait() == 4
    assert "App failed to load" in server.said


def test_settings_without_effect_are_named_once(gunicorn):
    server = gunicorn("-w", "2", "--strip-header-spaces")
    server.workers(2)
    assert server.said.count("strip_header_spaces has no effect on this worker class") == 1


def test_a_wsgi_application_is_served(gunicorn):
    """On one class: `tests/wsgi` runs such applications on all."""
    trio = "nonecorn_gunicorn.TrioWorker"
    server = gunicorn("-k", trio, "--threads", "3", app="guni_app:wsgi")
    with clear_client() as client:
        answer = client.post(f"{server.url}/path", content=b"body")
    assert answer.content == b"http /path False body"


def test_a_wsgi_application_knows_of_other_workers(gunicorn):
    server = gunicorn("-w", "2", app="guni_app:wsgi")
    with clear_client() as client:
        assert client.get(f"{server.url}/").content == b"http / True "


def test_the_short_name_works(gunicorn):
    server = gunicorn("-k", "egg:nonecorn-gunicorn#trio")
    assert "worker trio" in server.said
    assert get(server)["greeting"] == "hello"


def test_a_syntax_error_is_shown_until_it_is_corrected(gunicorn, tmp_path):
    file = tmp_path / "changing.py"
    file.write_text("from guni_app import app\nbut then\n")
    server = gunicorn("--reload", "--reload-engine", "poll", app="changing:app")
    with clear_client() as client:
        answer = client.get(server.url)
    assert answer.status_code == 500
    assert "SyntaxError" in answer.text
    file.write_text("from guni_app import app\n")
    later = file.stat().st_mtime + 10  # the reloader compares times
    os.utime(file, (later, later))
    server.workers(2)
    assert get(server)["greeting"] == "hello"
