"""A FastAPI application: typed requests and responses, a page, a dependency, a stream.

nonecorn serve examples/fastapi/app.py
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, Field

PAGE = """<!doctype html>
<title>FastAPI on nonecorn</title>
<h1>It serves.</h1>
<p id="script">The script did not run.</p>
<script>document.getElementById("script").textContent = "The script ran.";</script>
"""


class Item(BaseModel):
    """Something in stock."""

    name: str = Field(min_length=1)
    price: float = Field(gt=0)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, dict[int, Item]]]:
    """An empty stock, shared by all requests."""
    yield {"stock": {}}


app = FastAPI(title="Stock", lifespan=lifespan)


def stock(request: Request) -> dict[int, Item]:
    """What is in stock; a plain function, which FastAPI runs on a thread."""
    items: dict[int, Item] = request.state.stock
    return items


Stock = Annotated[dict[int, Item], Depends(stock)]


@app.get("/", response_class=HTMLResponse)
async def home() -> str:
    """A page."""
    return PAGE


@app.post("/items", status_code=201)
async def add(item: Item, items: Stock) -> dict[str, int]:
    """Add an item; 422 where it is none."""
    number = len(items) + 1
    items[number] = item
    return {"number": number}


@app.get("/items/{number}")
async def read(number: int, items: Stock) -> Item:
    """One item."""
    if number not in items:
        raise HTTPException(404, "no such item")
    return items[number]


@app.get("/stream")
def stream() -> StreamingResponse:
    """Ten lines out of a plain generator, which FastAPI drives on a thread."""

    def lines() -> Iterator[str]:
        for number in range(1, 11):
            yield f"piece {number} of 10\n"

    return StreamingResponse(lines(), media_type="text/plain")
