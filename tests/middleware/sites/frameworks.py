"""One page in each framework: what it takes for its own URL, and for its prefix."""

from __future__ import annotations

from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from flask import Flask, jsonify, url_for
from flask import request as flask_request
from litestar import Litestar, get
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute


@asynccontextmanager
async def lifespan(app):
    yield {"db": type(app).__name__}


# Starlette


async def hello(request):
    return JSONResponse(
        {
            "url": str(request.url),
            "page": str(request.url_for("hello", name="you")),
            "root": request.scope["root_path"],
            "db": request.state.db,
        }
    )


async def chat(websocket):
    await websocket.accept()
    await websocket.send_json(
        {
            "url": str(websocket.url),
            "page": str(websocket.url_for("chat")),
            "db": websocket.state.db,
        }
    )
    await websocket.close()


async def deep(request):
    return JSONResponse(
        {"page": str(request.url_for("inner:deep")), "root": request.scope["root_path"]}
    )


starlette = Starlette(
    routes=[
        Route("/hello/{name}", hello, name="hello"),
        WebSocketRoute("/chat", chat, name="chat"),
        Mount("/inner", routes=[Route("/deep", deep, name="deep")], name="inner"),
    ],
    lifespan=lifespan,
)


# FastAPI

fastapi = FastAPI(lifespan=lifespan)


@fastapi.get("/hello/{name}", name="hello")
async def fastapi_hello(request: Request, name: str):
    return {
        "url": str(request.url),
        "page": str(request.url_for("hello", name="you")),
        "root": request.scope["root_path"],
        "db": request.state.db,
    }


# Litestar


@get("/hello/{name:str}", name="hello")
async def litestar_hello(request: Request, name: str) -> dict[str, str]:
    return {"url": str(request.url), "root": request.scope["root_path"], "name": name}


litestar = Litestar([litestar_hello])


# Flask

flask = Flask(__name__)


@flask.get("/hello/<name>")
def flask_hello(name):
    return jsonify(
        url=flask_request.url,
        page=url_for("flask_hello", name="you", _external=True),
        root=flask_request.script_root,
    )
