"""WSGI applications over HTTP/3, behind `wsgiref.validate`: what HTTP/1.1 and HTTP/2 have."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.forked import ForkedServe
from tests.h3.clients_curl import Curl
from tests.wsgi import wsgiprobe

HERE = Path(wsgiprobe.__file__).parent
BODY = bytes(range(256)) * 2048


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def asked(request, tmp_path):
    """`asked(path)`: the response of the application, on the worker."""
    if request.param == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    options = ["-k", request.param, "-p", "h3", "--dev-tls", "--app-dir", str(HERE)]
    environment = {"XDG_DATA_HOME": str(tmp_path)}
    with (
        ForkedServe("wsgiprobe:app", options, cwd=HERE, env=environment) as server,
        Curl(tmp_path / "nonecorn" / "dev-tls" / "ca.pem") as curl,
    ):

        def ask(path, **more):
            response = curl.ask(f"https://localhost:{server.port}{path}", **more)
            assert response.version == "3"
            return response

        yield ask
    assert server.exit_code == 0
    assert "Traceback" not in server.errors


def test_wsgi_over_http3(asked):
    for route in wsgiprobe.PLAIN:
        for method in ("GET", "HEAD"):
            response = asked(f"/{route.__name__}", method=method)
            assert response.status == 200, route
            assert response.body == (b"onetwo" if method == "GET" else b""), route
    assert asked("/hints").links == ["</a.css>; rel=preload; as=style"]
    assert asked("/no_content").status == 204
    assert asked("/replaced").status == 409
    for how in ("all", "lines", "iter"):
        assert asked(f"/echo?how={how}", method="POST", body=BODY).body == BODY
    assert asked("/back", method="POST", body=BODY).body == BODY
    assert asked("/by_file").body == Path(wsgiprobe.__file__).read_bytes()
    assert asked("/download?50").body == wsgiprobe.BLOCK * 50
    assert b'"SERVER_PROTOCOL": "HTTP/3"' in asked("/shown").body
