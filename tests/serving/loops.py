"""Programs of their own on each kind of event loop, in which `nonecorn.serve` is called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import trio
import uvloop

from nonecorn.config import prepare
from nonecorn.plan import Plan, compile_plan

LOOPS = ["asyncio", "uvloop", "trio"]


def run_on(loop: str, main: Callable[[], Awaitable[Any]]) -> Any:
    """Run a program to its end."""
    if loop == "trio":
        return trio.run(main)
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """What blocks, from a program on any loop."""
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return await asyncio.to_thread(function, *args)
    return await trio.to_thread.run_sync(function, *args)


def plan_of(**settings: Any) -> Plan:
    """The plan of a server on a free port."""
    merged = {"bind": "127.0.0.1:0", "log_level": "warning", **settings}
    plugins, config = prepare(None, merged, environ={})
    return compile_plan(config, plugins)
