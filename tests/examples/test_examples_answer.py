"""Example applications answer curl, httpx and a browser, whatever worker serves them."""

import hashlib
import subprocess

import httpx

PIECES = "".join(f"piece {number} of 10\n" for number in range(1, 11))
UPLOAD = bytes(range(256)) * 8192  # 2 MiB: curl asks with `Expect: 100-continue` first


def test_curl_gets_a_page_and_a_stream(server, curl):
    command = [curl, "-sS", "--fail", "--max-time", "20", "--noproxy", "*"]
    paths = [f"{server.url}/", f"{server.url}/stream"]
    # Two requests of one command go over one connection.
    run = subprocess.run(
        [*command, "-w", "%{http_version} %{num_connects}\\n", *paths],
        capture_output=True,
        check=False,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    page, stream = run.stdout.split("1.1 1\n")
    assert "<h1>It serves.</h1>" in page
    assert stream == f"{PIECES}1.1 0\n"


def test_curl_uploads_a_file_and_gets_it_back(server, curl, tmp_path):
    if server.app == "fastapi":  # its upload is JSON, below
        data, path, status = b'{"name": "tea", "price": 2.5}', "items", "201"
    else:
        data, path, status = UPLOAD, "echo", "200"
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(data)
    command = [curl, "-sS", "--max-time", "20", "--noproxy", "*", "-w", "%{http_code}"]
    run = subprocess.run(
        [
            *command,
            *("-H", "content-type: application/json"),
            *("--data-binary", f"@{sent}", "-o", str(back), f"{server.url}/{path}"),
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (run.returncode, run.stdout) == (0, status), run.stderr
    if server.app == "fastapi":
        assert b'{"number":' in back.read_bytes()
    else:
        assert back.read_bytes() == data


def test_httpx_talks_to_the_application(server):
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        response = client.get("/")
        assert response.status_code == 200
        assert response.http_version == "HTTP/1.1"
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert client.get("/stream").text == PIECES
        assert client.get("/nowhere").status_code == 404
        assert client.head("/").content == b""
        CONVERSATIONS[server.app](client)


def hello(client):
    counts = [int(client.get("/state").text.split()[0]) for _ in range(2)]
    assert counts[1] == counts[0] + 1
    # A body of unknown length goes up chunked.
    response = client.post("/echo", content=(UPLOAD[at : at + 999] for at in range(0, 99900, 999)))
    assert response.content == UPLOAD[:99900]


def starlette(client):
    assert client.get("/visit/ada").json() == {"visitors": []}
    assert client.get("/visit/bob").json() == {"visitors": ["ada"]}
    assert client.post("/echo", content=b"tea").content == b"tea"
    assert client.get("/source").text.startswith('"""A Starlette application')
    assert client.get("/source", headers={"range": "bytes=3-5"}).text == "A S"
    assert client.get("/echo").status_code == 405


def fastapi(client):
    number = client.post("/items", json={"name": "tea", "price": 2.5}).json()["number"]
    assert client.get(f"/items/{number}").json() == {"name": "tea", "price": 2.5}
    assert client.post("/items", json={"name": "", "price": -1}).status_code == 422
    assert client.get("/items/99").json() == {"detail": "no such item"}
    assert client.get("/openapi.json").json()["info"]["title"] == "Stock"


def django(client):
    assert client.get("/hello/ada").json() == {"hello": "ada"}
    assert client.post("/echo", content=b"tea").content == b"tea"
    assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 400


def flask(client):
    number = client.post("/notes", json={"text": "tea"}).json()["number"]
    assert client.get(f"/notes/{number}").json() == {"text": "tea"}
    assert client.get("/notes/99").json() == {"error": "no such note"}
    assert client.get("/source").text.startswith('"""A Flask application')
    assert client.get("/source", headers={"range": "bytes=3-5"}).text == "A F"
    response = client.post("/echo", content=(UPLOAD[at : at + 999] for at in range(0, 99900, 999)))
    assert response.content == UPLOAD[:99900]
    found = client.post("/upload", files={"file": ("blob", UPLOAD)}).json()
    assert found == {"blob": hashlib.sha256(UPLOAD).hexdigest()}


def quart(client):
    before = client.get("/notices").json()["notices"]
    assert before[0] == "Welcome"
    response = client.post("/notices", json={"text": "tea at five"})
    assert (response.status_code, response.json()) == (201, {"number": len(before) + 1})
    response = client.post("/echo", content=(UPLOAD[at : at + 999] for at in range(0, 99900, 999)))
    assert response.content == UPLOAD[:99900]


def litestar(client):
    number = client.post("/books", json={"title": "Emma", "pages": 474}).json()["number"]
    assert client.get(f"/books/{number}").json() == {"title": "Emma", "pages": 474}
    assert client.get("/books/99").json()["detail"] == "no such book"
    assert client.post("/books", json={"title": "Emma"}).status_code == 400


CONVERSATIONS = {
    "hello": hello,
    "starlette": starlette,
    "fastapi": fastapi,
    "django": django,
    "django-wsgi": django,
    "flask": flask,
    "quart": quart,
    "litestar": litestar,
}


def test_a_browser_shows_the_page(server, chromium):
    with chromium.page() as page:
        document = page.load(f"{server.url}/")
    assert "<h1>It serves.</h1>" in document
    assert "The script ran." in document
