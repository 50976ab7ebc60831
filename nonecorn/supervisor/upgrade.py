"""SIGUSR2: another program takes over, in a new interpreter with whatever is installed by then.

It is started by the command that started this one, and inherits the sockets; connections wait in
them or are accepted by either. The two talk over a channel:

    old ─► new   what the sockets are, and who is asking
    new ─► old   "ready": its workers serve
    old ─► new   "go": the socket files and the PID file are yours
    old          its workers finish, and it exits with 0

Until "go" nothing has changed: a program that ends before, or is not ready in time, is forgotten.
`takeover.py` is the other side.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from nonecorn.supervisor.channel import Channel, ChannelClosedError
from nonecorn.supervisor.endings import ending
from nonecorn.supervisor.interpreter import same_command
from nonecorn.supervisor.takeover import GO, READY, VARIABLE

if TYPE_CHECKING:
    from nonecorn.serving.bindings import Bindings
    from nonecorn.supervisor.loop import Loop, Timer
    from nonecorn.supervisor.places import Places

_STARTING = 60.0
"""Seconds beside the application's start-up that the new program has."""
_ENDING = 10.0
"""Seconds that a program which was given up has to end by itself."""
_SILENT = 5.0
"""Seconds that it may go on after it has closed the channel."""


class Upgrade:
    """See the module.

    Args:
        loop: The supervisor's.
        bindings: The sockets.
        places: Where workers stand.
        environ: The new program's environment.
        directory: Where it starts.
        startup_timeout: As configured; 0 for no end.
        done: Called once, with an empty text where the other program has taken over, else with why
            it has not.

    Attributes:
        pid: Of the new program; 0 where it could not be started.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        loop: Loop,
        bindings: Bindings,
        places: Places,
        *,
        environ: Mapping[str, str],
        directory: str,
        startup_timeout: float,
        done: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._done = done
        self._reason = ""
        self._over = False
        self._log = logging.getLogger("nonecorn.error")
        handles = bindings.handles()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603  # what started us
                    same_command(),
                    pass_fds=(theirs.fileno(), *(handle.descriptor for handle in handles)),
                    env={**environ, VARIABLE: f"{os.getpid()}:{theirs.fileno()}"},
                    cwd=directory,
                )
        except OSError:
            ours.close()
            raise
        self.pid = self._process.pid
        self._channel = Channel(ours)
        told = {
            "process": os.getpid(),
            "handles": [handle.as_json() for handle in handles],
            "places": places.as_json(),
        }
        self._channel.send(json.dumps(told).encode())
        self._limit: Timer | None = None
        if startup_timeout:
            seconds = startup_timeout + _STARTING
            self._limit = loop.call_later(
                seconds, lambda: self.give_up(f"it was not ready within {seconds:g} s")
            )
        loop.on_ready(ours, self._read, self._write)

    def __repr__(self) -> str:
        return f"<Upgrade process={self.pid} {'over' if self._over else 'starting'}>"

    def give_up(self, reason: str) -> None:
        """End the new program."""
        if self._over or self._reason:
            return
        self._reason = reason
        self._process.terminate()
        self._loop.call_later(_ENDING, self.kill)

    def reap(self) -> None:
        """See whether it has ended."""
        code = self._process.poll()
        if code is not None and not self._over:
            self._end(self._reason or f"it {ending(code)}")

    def kill(self) -> None:
        """End it by force."""
        if not self._over:
            self._process.kill()

    def _write(self) -> None:
        self._channel.flush()
        if not self._channel.unsent:
            self._loop.on_ready(self._channel.sock, self._read)

    def _read(self) -> None:
        try:
            frames = self._channel.receive()
        except ChannelClosedError:
            self._loop.forget(self._channel.sock)
            # It ends; or it runs on as something else.
            self._loop.call_later(
                _SILENT, lambda: self.give_up("it closed its channel and went on")
            )
            return
        if READY in frames and not self._reason:
            self._channel.send(GO)
            self._end("")

    def _end(self, reason: str) -> None:
        self._over = True
        if self._limit is not None:
            self._limit.cancel()
        self._loop.forget(self._channel.sock)
        self._channel.close()
        if not reason:
            self._process.returncode = 0  # it outlives us, and is nobody's zombie
        self._done(reason)
