"""A Quart application: a notice board with pages, a stream, an upload, a WebSocket and a mailer.

    nonecorn serve examples/quart/board.py

Quart runs on asyncio, so this one does on the workers asyncio and uvloop. `on_trio.py` is the same
application for the worker trio.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from quart import Blueprint, Quart, ResponseReturnValue, current_app, request, websocket

PAGE = """<!doctype html>
<title>Quart on nonecorn</title>
<h1>It serves.</h1>
<p id="script">The script did not run.</p>
<script>document.getElementById("script").textContent = "The script ran.";</script>
"""

pages = Blueprint("pages", __name__)


@dataclass
class Board:
    """What the application keeps while it runs."""

    notices: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)


def board() -> Board:
    """The board of the application that serves this request."""
    found: Board = current_app.extensions["board"]
    return found


@pages.get("/")
async def home() -> ResponseReturnValue:
    """A page."""
    return PAGE


@pages.get("/notices")
async def notices() -> ResponseReturnValue:
    """What hangs on the board, and what the mailer has sent."""
    return {"notices": board().notices, "sent": board().sent}


@pages.post("/notices")
async def hang_up() -> ResponseReturnValue:
    """Hang a notice up now, and tell subscribers once the response is on its way."""
    text = (await request.get_json())["text"]
    board().notices.append(text)
    current_app.add_background_task(mail, text)
    return {"number": len(board().notices)}, 201


async def mail(text: str) -> None:
    """Tell the subscribers."""
    board().sent.append(text)


@pages.get("/stream")
async def stream() -> ResponseReturnValue:
    """Ten lines, one by one."""

    async def lines() -> AsyncIterator[str]:
        for number in range(1, 11):
            yield f"piece {number} of 10\n"

    return lines(), {"content-type": "text/plain"}


@pages.post("/echo")
async def echo() -> ResponseReturnValue:
    """The request's body, piece by piece as it comes."""
    body = request.body

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in body:
            yield piece

    return pieces(), {"content-type": "application/octet-stream"}


@pages.post("/upload")
async def upload() -> ResponseReturnValue:
    """Files of a form: their names, sizes and digests."""
    files = await request.files
    contents = {file.filename: file.read() for file in files.getlist("file")}
    return {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }


@pages.websocket("/ws")
async def talk() -> None:
    """Say everything back."""
    offered = websocket.requested_subprotocols
    await websocket.accept(subprotocol="echo" if "echo" in offered else None)
    while True:
        await websocket.send(await websocket.receive())


def create(kind: type[Quart] = Quart) -> Quart:
    """Make the application.

    Args:
        kind: Of the event loop it runs on.
    """
    made = kind(__name__)
    made.register_blueprint(pages)

    @made.while_serving
    async def serving() -> AsyncIterator[None]:
        made.extensions["board"] = Board(notices=["Welcome"])
        yield
        print("the board is taken down", flush=True)  # noqa: T201

    return made


app = create()
