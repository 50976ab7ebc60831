"""A chat over WebSocket, in Starlette: who is in the room hears what anybody says.

nonecorn serve examples/websocket/app.py

A socket's own task reads what its person says, and a second one writes what the room says, so that
neither waits for the other. Between the room and each socket is a short queue: whoever does not
keep up with it is asked to come back (code 1013), and holds up nobody.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

QUEUE = 64
LONGEST = 500
"""Characters of a line."""
TRY_AGAIN_LATER = 1013

PAGE = """<!doctype html>
<title>Chat on nonecorn</title>
<h1>It serves.</h1>
<form id="form"><input id="line" placeholder="say something" autofocus></form>
<ol id="lines"></ol>
<script>
const name = new URLSearchParams(location.search).get("name") || "guest" + Date.now() % 10000;
const scheme = location.protocol === "https:" ? "wss" : "ws";
const socket = new WebSocket(`${scheme}://${location.host}/chat/${encodeURIComponent(name)}`);
const show = (text) => {
  const item = document.createElement("li");
  item.textContent = text;
  document.getElementById("lines").append(item);
};
socket.onopen = () => socket.send("hello from a browser");
socket.onmessage = (event) => show(event.data);
socket.onclose = (event) => show(`the connection is closed (${event.code} ${event.reason})`);
document.getElementById("form").onsubmit = (event) => {
  event.preventDefault();
  const line = document.getElementById("line");
  socket.send(line.value);
  line.value = "";
};
</script>
"""


class Room:
    """Who is here, and how each is reached."""

    def __init__(self) -> None:
        self._members: dict[str, MemoryObjectSendStream[str]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def names(self) -> list[str]:
        """Who is here."""
        return sorted(self._members)

    def join(self, name: str) -> MemoryObjectReceiveStream[str]:
        """Come in: what is returned gives all that is said from now on."""
        self._members[name], heard = anyio.create_memory_object_stream[str](QUEUE)
        self.say(f"{name} is here")
        return heard

    def leave(self, name: str) -> None:
        """Go, if still here."""
        member = self._members.pop(name, None)
        if member is not None:
            member.close()
            self.say(f"{name} has gone")

    def say(self, line: str) -> None:
        """Let everybody hear a line; whoever has not read the last `QUEUE` lines is put out."""
        for name, member in list(self._members.items()):
            try:
                member.send_nowait(line)
            except anyio.WouldBlock:
                self.leave(name)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Room]]:
    """One room for all."""
    yield {"room": Room()}


async def home(request: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE)


async def people(request: Request) -> JSONResponse:
    """Who is in the room."""
    return JSONResponse(request.state.room.names())


async def chat(socket: WebSocket) -> None:
    """One person's socket, from coming in to going."""
    room: Room = socket.state.room
    name: str = socket.path_params["name"]
    if name in room:
        refusal = PlainTextResponse("Somebody of that name is here already.", 409)
        await socket.send_denial_response(refusal)
        return
    heard = room.join(name)  # before anything is awaited: the name is taken from here on
    try:
        await socket.accept()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, socket, heard)
            async for line in socket.iter_text():
                room.say(f"{name}: {line[:LONGEST]}")
            tasks.cancel_scope.cancel()
    finally:
        room.leave(name)


async def write(socket: WebSocket, heard: MemoryObjectReceiveStream[str]) -> None:
    """Pass on what the room says, until this person leaves it or is put out."""
    try:
        async with heard:
            async for line in heard:
                await socket.send_text(line)
        await socket.close(TRY_AGAIN_LATER, "too slow")
    except WebSocketDisconnect:
        pass  # they left: `chat` hears of it too


app = Starlette(
    lifespan=lifespan,
    routes=[Route("/", home), Route("/people", people), WebSocketRoute("/chat/{name}", chat)],
)
