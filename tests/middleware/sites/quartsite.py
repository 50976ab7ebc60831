"""Quart runs on asyncio."""

from __future__ import annotations

from quart import Quart, request, url_for

quart = Quart(__name__)


@quart.get("/hello/<name>")
async def quart_hello(name):
    page = url_for("quart_hello", name="you", _external=True)
    return {"url": request.url, "page": page, "root": request.root_path}
