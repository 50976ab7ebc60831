"""Small ASGI applications that show, or provoke, one thing each.

None imports an event loop: they wait only for `receive`, `send` and a `Gate`, so the same ones run
on a `MemoryRuntime` and on every worker. Those that keep something are classes, to be made once per
test; the others are plain async functions.
"""

from __future__ import annotations

from nonecorn.testing.apps.body import (
    Chunks,
    RecordedRequest,
    Recorder,
    echo,
    hello,
    read_body,
    respond,
    scope_probe,
)
from nonecorn.testing.apps.extensions import (
    EarlyHints,
    PathSend,
    Trailers,
    ZeroCopySend,
    pushing,
)
from nonecorn.testing.apps.lifespan import LifespanRecorder
from nonecorn.testing.apps.trouble import (
    Crashed,
    Gated,
    IgnoresDisconnect,
    crash_after_start,
    crash_before_start,
    never_receives,
    never_responds,
    returns_early,
)

__all__ = [
    "Chunks",
    "Crashed",
    "EarlyHints",
    "Gated",
    "IgnoresDisconnect",
    "LifespanRecorder",
    "PathSend",
    "RecordedRequest",
    "Recorder",
    "Trailers",
    "ZeroCopySend",
    "crash_after_start",
    "crash_before_start",
    "echo",
    "hello",
    "never_receives",
    "never_responds",
    "pushing",
    "read_body",
    "respond",
    "returns_early",
    "scope_probe",
]
