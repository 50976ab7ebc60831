"""How something may be called, told from its signature alone."""

from __future__ import annotations

import functools
import inspect
from typing import Any


def takes(function: Any, count: int) -> bool:
    """Whether `function` can be called with `count` positional arguments; no if none can tell."""
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def is_async(function: Any) -> bool:
    """Whether a call gives a coroutine: an `async def`, or an object whose `__call__` is one."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    # Looked up on the type, as a call does.
    return not inspect.isclass(function) and inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004  # more than whether it is callable
    )
