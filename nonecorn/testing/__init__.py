"""The kit with which plugins prove that they keep the contract.

- `MemoryRuntime`, `MemoryPort`, `MemoryQuicPort`, `ManualClock`: a runtime without an event loop,
  for tests without sockets and sleeps.
- `EchoTunnel`: a stream that is no WebSocket, for what tunnels.
- `make_context`, `make_app_context`: what protocols, streams, wrappers, middleware are made with.
- `WirePair` and `nonecorn.testing.clients`: our protocol against somebody else's client engine.
- `nonecorn.testing.apps` and `Gate`: small applications that provoke one thing each, on any
  worker.
- `serve_in_thread`, `ServeProcess`: a real server, in a thread or as a process.
- `raw_exchange`, `read_responses`: exact bytes over real sockets.
- `nonecorn.testing.conformance`: the rules of each contract as tests to subclass; needs pytest.

    pytest -p nonecorn.testing.plugin

adds the marker and fixtures that the conformance kit uses. Nothing here is imported by a server.
"""

from __future__ import annotations

from nonecorn.testing.address import Addressed
from nonecorn.testing.clock import ManualClock, ManualTimer
from nonecorn.testing.context import make_app_context, make_context, make_settings
from nonecorn.testing.datagram import MemoryDatagramPort
from nonecorn.testing.gate import Gate
from nonecorn.testing.listening import MemoryListening
from nonecorn.testing.pair import ClientEngine, WirePair
from nonecorn.testing.port import MemoryPort
from nonecorn.testing.process import ServeExitedError, ServeProcess
from nonecorn.testing.quic import MemoryQuicPort
from nonecorn.testing.runtime import MemoryRuntime
from nonecorn.testing.split import SPLITTERS, Splitter, at, bytewise, randomly, splits, whole
from nonecorn.testing.task import (
    Cancelled,
    DeadlockError,
    ForeignAwaitError,
    MemoryJob,
    MemoryWaiter,
)
from nonecorn.testing.thread import ThreadedServer, serve_in_thread
from nonecorn.testing.tunnel import EchoTunnel
from nonecorn.testing.wire import (
    BadResponseError,
    RawAnswer,
    RawResponse,
    raw_exchange,
    read_responses,
    read_until_closed,
)

__all__ = [
    "SPLITTERS",
    "Addressed",
    "BadResponseError",
    "Cancelled",
    "ClientEngine",
    "DeadlockError",
    "EchoTunnel",
    "ForeignAwaitError",
    "Gate",
    "ManualClock",
    "ManualTimer",
    "MemoryDatagramPort",
    "MemoryJob",
    "MemoryListening",
    "MemoryPort",
    "MemoryQuicPort",
    "MemoryRuntime",
    "MemoryWaiter",
    "RawAnswer",
    "RawResponse",
    "ServeExitedError",
    "ServeProcess",
    "Splitter",
    "ThreadedServer",
    "WirePair",
    "at",
    "bytewise",
    "make_app_context",
    "make_context",
    "make_settings",
    "randomly",
    "raw_exchange",
    "read_responses",
    "read_until_closed",
    "serve_in_thread",
    "splits",
    "whole",
]
