"""A Starlette application: pages, a stream, an upload that comes back, a file, lifespan state.

nonecorn serve examples/starlette/app.py
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

PAGE = """<!doctype html>
<title>Starlette on nonecorn</title>
<h1>It serves.</h1>
<p id="script">The script did not run.</p>
<script>document.getElementById("script").textContent = "The script ran.";</script>
"""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, list[str]]]:
    """Give every request the same list of visitors."""
    yield {"visitors": []}


async def home(request: Request) -> HTMLResponse:
    """A page."""
    return HTMLResponse(PAGE)


async def visit(request: Request) -> JSONResponse:
    """Who was here before."""
    visitors = request.state.visitors
    before = list(visitors)
    visitors.append(request.path_params["name"])
    return JSONResponse({"visitors": before})


async def stream(request: Request) -> StreamingResponse:
    """Ten lines, one by one."""

    async def lines() -> AsyncIterator[str]:
        for number in range(1, 11):
            yield f"piece {number} of 10\n"

    return StreamingResponse(lines(), media_type="text/plain")


async def echo(request: Request) -> Response:
    """The request's body."""
    return Response(await request.body(), media_type="application/octet-stream")


async def source(request: Request) -> FileResponse:
    """This file."""
    return FileResponse(Path(__file__), media_type="text/plain")


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", home),
        Route("/visit/{name}", visit),
        Route("/stream", stream),
        Route("/echo", echo, methods=["POST"]),
        Route("/source", source),
    ],
)
