"""The batteries as classes that a program puts around its application."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.batteries.batteryapp import TEXT
from tests.batteries.conftest import Serve


def test_a_program_may_put_them_around_its_application(
    serve: Serve, client: httpx.Client, tmp_path: Path
) -> None:
    public = tmp_path / "public"
    public.mkdir()
    (public / "large.txt").write_bytes(TEXT)
    (public / "large.bin").write_bytes(TEXT)
    (tmp_path / "ready").touch()
    server = serve("", "--factory", app="batteryapp:in_code")
    assert client.get(f"{server.url}/readyz").text == "ready\n"
    for path in ("/text", "/files/large.txt", "/files/large.bin"):
        response = client.get(f"{server.url}{path}", headers={"accept-encoding": "gzip"})
        assert response.content == TEXT
        assert ("content-encoding" in response.headers) == path.endswith(("text", "txt"))
        assert response.headers["ratelimit"].startswith('"default";r=')
    client.close()
    server.terminate()
    assert server.wait() == 0
    assert "Traceback" not in server.errors
