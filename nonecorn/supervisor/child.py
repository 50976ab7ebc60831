"""A worker, as the supervisor sees it: a process, a channel, and what it said last.

    starting ─► ready ─► leaving ─► gone
        └──────────┴────────────────┘

Every wait has an end: a worker that is not ready in time, or that does not end in time, is killed.
"""

from __future__ import annotations

import contextlib
import enum
import json
import logging
import signal
import subprocess
import time
import typing
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from nonecorn.serving.load import Load
from nonecorn.supervisor.channel import Channel, ChannelClosedError
from nonecorn.supervisor.endings import ending
from nonecorn.supervisor.messages import (
    Adopt,
    Failed,
    Message,
    Ping,
    Pong,
    Ready,
    Release,
    Reopen,
    Retire,
    Retiring,
    Stop,
    Tickets,
    Unready,
    decode,
    encode,
)

if TYPE_CHECKING:
    from nonecorn.serving.handover import SocketHandle
    from nonecorn.supervisor.loop import Loop, Timer

_IMPORTING = 60.0
"""Seconds for what comes before the application's lifespan start-up, its import above all."""
_ENDING = 10.0
"""Seconds for what comes beside the time limits of a worker's end."""
_HUNG = 1.0
"""Seconds from SIGABRT, which makes a hung worker show where it is, to SIGKILL."""
_LOOK = 0.02
"""Seconds between two looks at a process that has closed its channel and not ended yet."""
_SILENT = 5.0
"""Seconds that such a process may go on."""


class State(enum.Enum):
    """See the module."""

    STARTING = "starting"
    READY = "ready"
    LEAVING = "leaving"
    GONE = "gone"


class Owner(typing.Protocol):
    """Who is told of a child."""

    def child_ready(self, child: Child) -> None:
        """It serves."""
        ...

    def child_retiring(self, child: Child, reason: str) -> None:
        """It had better be replaced."""
        ...

    def child_gone(self, child: Child) -> None:
        """Its process has ended; said once."""
        ...


class Child:
    """See the module.

    Args:
        loop: The supervisor's.
        owner: Who is told.
        number: The worker's number, from 1.
        process: Started.
        channel: Our end.
        lanes: Whose sockets it serves; see `slots`.
        startup_timeout: As configured; 0 for no end.
        ending_timeouts: The sum of those that apply to its end; 0 for no end.

    Attributes:
        state: Where it is in its life.
        failure: What it said was wrong; None if it said nothing.
        code: How its process ended, as in `subprocess.Popen`; None while it runs.
        forced: Why it was killed by us; empty if it was not.
        ready_at: When it was ready, on the monotonic clock; None before.
        load: What it had to do when it last answered.
        answered: When it last answered, on the monotonic clock.
        asked: When the ping was sent that it has not answered yet; None for none.
    """

    def __init__(
        self,
        loop: Loop,
        owner: Owner,
        *,
        number: int,
        process: subprocess.Popen[bytes],
        channel: Channel,
        lanes: Collection[int],
        startup_timeout: float,
        ending_timeouts: float,
    ) -> None:
        self.number = number
        self.pid = process.pid
        self.lanes = frozenset(lanes)
        self.state = State.STARTING
        self.failure: Failed | None = None
        self.code: int | None = None
        self.forced = ""
        self.ready_at: float | None = None
        self.load = Load()
        self.answered = 0.0
        self.asked: float | None = None
        self._loop = loop
        self._owner = owner
        self._process = process
        self._channel = channel
        self._ending_timeouts = ending_timeouts
        self._log = logging.getLogger("nonecorn.error")
        self._limit: Timer | None = None
        if startup_timeout:
            seconds = startup_timeout + _IMPORTING
            self._limit = loop.call_later(seconds, lambda: self._too_slow("start", seconds))
        loop.on_ready(channel.sock, self._read)

    def __repr__(self) -> str:
        return f"<Child {self.number} process={self.pid} {self.state.value}>"

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.pid})"

    @property
    def trouble(self) -> str:
        """How it ended, in words: what it said itself, or what the system says."""
        if self.failure is not None:
            return self.failure.message
        text = ending(self.code or 0)
        return f"{text} ({self.forced})" if self.forced else text

    # What it is told ------------------------------------------------------------------------------

    def retire(self) -> None:
        """Others serve in its place."""
        if self.state in (State.STARTING, State.READY):
            self._leave()
            self._send(Retire())

    def unready(self) -> None:
        """The server is going to end."""
        self._send(Unready())

    def stop(self) -> None:
        """The server ends; told again, it does not wait for what is left."""
        if self.state is not State.GONE:
            self._leave()
            self._send(Stop())

    def adopt(self, lane: int, handles: Sequence[SocketHandle]) -> None:
        """Serve somebody else's sockets too, for now.

        Raises:
            OSError: There is no room for their descriptors.
        """
        text = json.dumps([handle.as_json() for handle in handles])
        descriptors = [each.descriptor for each in handles if each.descriptor != -1]
        self.send(encode(Adopt(handles=text)), descriptors)
        self.lanes |= {lane}

    def release(self, lane: int) -> None:
        """Leave these to whom they belong."""
        self.lanes -= {lane}
        self._send(Release(lane=lane))

    def share_tickets(self, secret: bytes) -> None:
        """All workers have another secret for TLS session tickets from now on."""
        self._send(Tickets(secret=secret.hex()))

    def reopen_logs(self) -> None:
        """Log files were moved."""
        self._send(Reopen())

    def ping(self) -> None:
        """Ask whether its loop turns, unless it still has to answer."""
        if self.state in (State.READY, State.LEAVING) and self.asked is None:
            self.asked = time.monotonic()
            self._send(Ping())

    def kill(self, reason: str) -> None:
        """End its process at once."""
        if self.state is not State.GONE:
            self.forced = self.forced or reason
            self._process.kill()

    def hang(self, seconds: float) -> None:
        """It has not answered for so long: let it show where it is, and kill it."""
        self.forced = self.forced or f"its event loop did not respond for {seconds:g} s"
        self._log.error("%s: %s; killing it", self, self.forced)
        self._leave()
        if hasattr(signal, "SIGABRT"):
            with contextlib.suppress(OSError, ValueError):
                self._process.send_signal(signal.SIGABRT)
        self._loop.call_later(_HUNG, lambda: self.kill(self.forced))

    def _leave(self) -> None:
        if self.state is State.LEAVING:
            return
        self.state = State.LEAVING
        self._unlimit()
        if self._ending_timeouts:
            seconds = self._ending_timeouts + _ENDING
            self._limit = self._loop.call_later(seconds, lambda: self._too_slow("end", seconds))

    def _too_slow(self, what: str, seconds: float) -> None:
        self._log.error("%s did not %s within %g s; killing it", self, what, seconds)
        self.kill(f"it did not {what} within {seconds:g} s")

    def _unlimit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _send(self, message: Message) -> None:
        self.send(encode(message))

    def send(self, data: bytes, descriptors: Collection[int] = ()) -> None:
        """Send a frame; what does not go at once goes when the worker reads."""
        if self.state is not State.GONE:
            self._channel.send(data, descriptors)
            self._watch()

    def _watch(self) -> None:
        if self._channel.sock.fileno() != -1:
            waits = self._channel.unsent
            self._loop.on_ready(self._channel.sock, self._read, self._write if waits else None)

    def _write(self) -> None:
        self._channel.flush()
        self._watch()

    # What it says ---------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            for frame in self._channel.receive():
                self._said(decode(frame))
        except (ChannelClosedError, ValueError) as error:
            if isinstance(error, ValueError):
                self._log.error("%s does not speak our language: %s", self, error)
            self._hang_up()

    def _said(self, message: Message) -> None:
        if isinstance(message, Ready) and self.state is State.STARTING:
            self._unlimit()
            self.state = State.READY
            self.ready_at = self.answered = time.monotonic()
            self._owner.child_ready(self)
        elif isinstance(message, Failed):
            self.failure = message
        elif isinstance(message, Retiring) and self.state is State.READY:
            self._owner.child_retiring(self, message.reason)
        elif isinstance(message, Pong):
            self.asked = None
            self.answered = time.monotonic()
            self.load = message

    def _hang_up(self) -> None:
        """It closed the channel: its process ends, or it is made to."""
        self._loop.forget(self._channel.sock)
        self._channel.close()
        self._until_gone(time.monotonic() + _SILENT)

    def _until_gone(self, limit: float) -> None:
        # SIGCHLD says it too, where there is one.
        if self.reap():
            return
        if time.monotonic() > limit:
            self.kill("it closed its channel and went on")
        self._loop.call_later(_LOOK, lambda: self._until_gone(limit))

    def reap(self) -> bool:
        """See whether the process has ended, and tell the owner if so."""
        if self.state is State.GONE:
            return True
        code = self._process.poll()
        if code is None:
            return False
        # What it said last is still on its way.
        with contextlib.suppress(ChannelClosedError, ValueError):
            while frames := self._channel.receive():
                for frame in frames:
                    message = decode(frame)
                    if isinstance(message, Failed):
                        self.failure = message
                    elif isinstance(message, Pong):
                        self.load = message
        self._loop.forget(self._channel.sock)
        self._channel.close()
        self._unlimit()
        self.code = code
        self.state = State.GONE
        self._owner.child_gone(self)
        return True
