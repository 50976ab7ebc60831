"""The environ of a request, as PEP 3333 wants it."""

from __future__ import annotations

import io
import sys
from wsgiref.validate import check_environ

import pytest

from nonecorn.testing.asgi import make_scope
from nonecorn_wsgi._environ import constant_environ, make_environ
from nonecorn_wsgi._files import FileWrapper


def environ_of(path="/", headers=(), *, threads=4, multiprocess=False, **more):
    constant = constant_environ(
        threads=threads, multiprocess=multiprocess, file_wrapper=FileWrapper
    )
    scope = make_scope(path, headers=[(b"host", b"test"), *headers], **more)
    return make_environ(constant, scope)


def checked(environ):
    """By the standard library's validator."""
    check_environ({**environ, "wsgi.input": io.BytesIO()})
    return environ


def test_a_plain_request():
    environ = checked(
        environ_of(
            "/a/b",
            [(b"accept", b"text/html"), (b"content-type", b"a/b"), (b"content-length", b"5")],
            method="POST",
            query_string=b"x=1&y=%20",
        )
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a/b",
        "QUERY_STRING": "x=1&y=%20",
        "REQUEST_URI": "/a/b?x=1&y=%20",
        "RAW_URI": "/a/b?x=1&y=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "test",
        "HTTP_ACCEPT": "text/html",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "5",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    assert {key: environ[key] for key in expected} == expected
    assert "HTTP_CONTENT_TYPE" not in environ
    assert "HTTP_CONTENT_LENGTH" not in environ
    assert environ["wsgi.errors"] is sys.stderr
    assert environ["wsgi.file_wrapper"] is FileWrapper


def test_the_port_is_a_string():
    environ = checked(environ_of(server=("127.0.0.1", 8000)))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", "8000")


@pytest.mark.parametrize(
    ("host", "scheme", "name", "port"),
    [
        (b"shop.example", "http", "shop.example", "80"),
        (b"shop.example", "https", "shop.example", "443"),
        (b"shop.example:8443", "https", "shop.example", "8443"),
        (b"[::1]", "http", "[::1]", "80"),
        (b"[::1]:81", "http", "[::1]", "81"),
        (b"", "http", "localhost", "80"),
    ],
)
@pytest.mark.parametrize("server", [("/run/app.sock", None), None])
def test_a_unix_socket_has_the_name_that_the_client_used(server, host, scheme, name, port):
    constant = constant_environ(threads=1, multiprocess=False, file_wrapper=FileWrapper)
    scope = make_scope(headers=[(b"host", host)], server=server, client=None, scheme=scheme)
    environ = checked(make_environ(constant, scope))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)
    assert environ["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in environ


@pytest.mark.parametrize(
    ("path", "root", "script", "info"),
    [
        ("/", "", "", "/"),
        ("/api", "/api", "/api", ""),
        ("/api/", "/api", "/api", "/"),
        ("/api/x", "/api", "/api", "/x"),
        ("/api/x", "/api/", "/api", "/x"),
        ("/x", "/api", "/api", "/x"),  # the proxy took it off
        ("/apix", "/api", "/api", "/apix"),
        ("/x", "/", "", "/x"),
        ("*", "", "", ""),
    ],
)
def test_the_root_path_is_the_scripts_name(path, root, script, info):
    environ = checked(environ_of(path, root_path=root))
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script, info)


@pytest.mark.parametrize(
    ("raw", "info"),
    [
        (b"/caf%C3%A9", b"/caf\xc3\xa9"),
        (b"/caf%E9", b"/caf\xe9"),  # no UTF-8: the bytes are there all the same
        (b"/%FF%FE/x", b"/\xff\xfe/x"),
        (b"/a%2Fb%3Fc", b"/a/b?c"),
        (b"/%25", b"/%"),
        (b"/%E2%82%AC", "/€".encode()),
    ],
)
def test_the_path_is_the_bytes_that_were_sent(raw, info):
    from urllib.parse import unquote

    environ = checked(environ_of(unquote(raw.decode()), raw_path=raw))
    assert environ["PATH_INFO"].encode("latin-1") == info
    assert environ["REQUEST_URI"] == raw.decode()


def test_a_path_that_a_middleware_changed_is_the_changed_one():
    environ = environ_of("/nöw", raw_path=b"/bef%C3%B6re")
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/nöw"
    scope = make_scope("/€")
    del scope["raw_path"]
    constant = constant_environ(threads=1, multiprocess=False, file_wrapper=None)
    assert make_environ(constant, scope)["PATH_INFO"].encode("latin-1").decode() == "/€"


def test_the_root_path_is_native_too():
    environ = environ_of("/ü/x", raw_path=b"/%C3%BC/x", root_path="/ü")
    assert environ["SCRIPT_NAME"].encode("latin-1").decode() == "/ü"
    assert environ["PATH_INFO"] == "/x"


def test_repeated_fields_are_joined():
    environ = environ_of(
        headers=[
            (b"accept", b"a"),
            (b"cookie", b"a=1"),
            (b"accept", b"b"),
            (b"cookie", b"b=2"),
            (b"content-length", b"5"),
            (b"content-length", b"5"),
        ]
    )
    assert environ["HTTP_ACCEPT"] == "a, b"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["CONTENT_LENGTH"] == "5"


def test_no_field_name_is_an_alias_of_another():
    environ = environ_of(
        headers=[
            (b"x-user", b"good"),
            (b"x_user", b"evil"),
            (b"remote_user", b"evil"),
            (b"remote-user", b"claimed"),
            (b"content_length", b"9"),
            (b"proxy", b"http://evil"),
        ]
    )
    assert environ["HTTP_X_USER"] == "good"
    assert environ["HTTP_REMOTE_USER"] == "claimed"
    assert "REMOTE_USER" not in environ
    assert "CONTENT_LENGTH" not in environ
    assert "HTTP_CONTENT_LENGTH" not in environ
    assert "HTTP_PROXY" not in environ


def test_values_are_latin_1():
    assert environ_of(headers=[(b"x-name", b"caf\xe9")])["HTTP_X_NAME"] == "caf\xe9"


def test_whether_others_run_at_the_same_time():
    environ = environ_of(threads=1, multiprocess=True)
    assert (environ["wsgi.multithread"], environ["wsgi.multiprocess"]) == (False, True)
    environ = environ_of(threads=2, multiprocess=False)
    assert (environ["wsgi.multithread"], environ["wsgi.multiprocess"]) == (True, False)


def test_requests_share_no_environ():
    constant = constant_environ(threads=1, multiprocess=False, file_wrapper=None)
    make_environ(constant, make_scope(headers=[(b"x-once", b"1")]))
    assert "HTTP_X_ONCE" not in make_environ(constant, make_scope())
    assert "HTTP_X_ONCE" not in constant


def test_unheard_of_names_are_learnt_within_a_bound():
    from nonecorn_wsgi import _environ

    for number in range(2000):
        environ_of(headers=[(b"x-%d" % number, b"1")])
    assert len(_environ._keys) <= 1024
    assert environ_of(headers=[(b"x-1999", b"2")])["HTTP_X_1999"] == "2"
