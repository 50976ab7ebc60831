"""What a worker is to be, decided once.

`compile_plan` is exported on first use: a worker that unpickles a Plan imports this package, and
needs no compiler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn.plan.plan import ListenerPlan, MiddlewarePlan, Plan

if TYPE_CHECKING:
    from nonecorn.plan.compile import compile_plan


def __getattr__(name: str) -> Any:
    if name == "compile_plan":
        from nonecorn.plan.compile import compile_plan  # noqa: PLC0415

        return compile_plan
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


__all__ = ["ListenerPlan", "MiddlewarePlan", "Plan", "compile_plan"]
