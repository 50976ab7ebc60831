"""A Litestar application: a library with typed data, a stream, an upload, a WebSocket and a mailer.

nonecorn serve examples/litestar/app.py
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from litestar import Litestar, MediaType, Request, Response, get, post, route, websocket_listener
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State, UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotFoundException
from litestar.params import Body
from litestar.response import Stream

PAGE = """<!doctype html>
<title>Litestar on nonecorn</title>
<h1>It serves.</h1>
<p id="script">The script did not run.</p>
<script>document.getElementById("script").textContent = "The script ran.";</script>
"""


@dataclass
class Book:
    """What one lends."""

    title: str
    pages: int


@asynccontextmanager
async def shelf(app: Litestar) -> AsyncIterator[None]:
    """Books and mails that all requests share, from the start of the server to its end."""
    app.state.books = {}
    app.state.sent = []
    yield
    print("the library is closed", flush=True)  # noqa: T201


@route("/", http_method=["GET", "HEAD"], media_type=MediaType.HTML)
async def home() -> str:
    """A page."""
    return PAGE


@post("/books")
async def add(data: Book, state: State) -> Response[dict[str, int]]:
    """Take a book in now, and tell readers once the response has been sent."""
    number = len(state.books) + 1
    state.books[number] = data
    return Response({"number": number}, background=BackgroundTask(mail, state, data.title))


async def mail(state: State, title: str) -> None:
    """Tell the readers."""
    state.sent.append(title)


@get("/books/{number:int}")
async def book(number: int, state: State) -> Book:
    """One of them."""
    try:
        found: Book = state.books[number]
    except KeyError:
        raise NotFoundException("no such book") from None
    return found


@get("/mails")
async def mails(state: State) -> list[str]:
    """What readers were told."""
    return list(state.sent)


@get("/stream")
async def stream() -> Stream:
    """Ten lines, one by one."""

    async def lines() -> AsyncIterator[str]:
        for number in range(1, 11):
            yield f"piece {number} of 10\n"

    return Stream(lines(), media_type=MediaType.TEXT)


@post("/echo", status_code=200)
async def echo(request: Request) -> Response[bytes]:
    """The request's body."""
    return Response(await request.body(), media_type="application/octet-stream")


@post("/upload", status_code=200)
async def upload(
    data: Annotated[list[UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, dict[str, int | str]]:
    """Files of a form: their names, sizes and digests."""
    contents = {file.filename: await file.read() for file in data}
    return {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }


@websocket_listener("/ws")
async def talk(data: str) -> str:
    """Say everything back."""
    return data


app = Litestar(
    route_handlers=[home, add, book, mails, stream, echo, upload, talk],
    lifespan=[shelf],
    request_max_body_size=64 * 1024 * 1024,
)
