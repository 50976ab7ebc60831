"""The new side of `upgrade.py`: this program was started to replace a running one.

What that had open is inherited. When the workers here serve, the old program is asked to let go;
if it has died meanwhile, there is nobody to ask.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING

from nonecorn.serving.handover import SocketHandle
from nonecorn.spi import StartupError
from nonecorn.supervisor.channel import Channel, ChannelClosedError
from nonecorn.supervisor.places import Places

if TYPE_CHECKING:
    from nonecorn.supervisor.loop import Loop

VARIABLE = "_NONECORN_TAKEOVER"
"""Environment variable: who asks, and the descriptor to talk to it by. `1234:7`."""
READY, GO = b"ready", b"go"

_PATIENCE = 10.0
"""Seconds for what has been sent before this program began to read."""


class Takeover:
    """See the module.

    Args:
        channel: To the running program.
        process: Its ID.
        handles: What it had open.
        places: Where workers stand.
    """

    def __init__(
        self, channel: Channel, process: int, handles: Sequence[SocketHandle], places: Places
    ) -> None:
        self.process = process
        self.handles = handles
        self.places = places
        self._channel = channel

    def __repr__(self) -> str:
        return f"<Takeover from process {self.process}, {len(self.handles)} sockets>"

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> Takeover | None:
        """What the environment says; None for a start like any other. Said once.

        Raises:
            StartupError: It says so, and nobody is there.
        """
        asking, _, descriptor = environ.pop(VARIABLE, "").partition(":")
        if not descriptor or asking != str(os.getppid()):
            return None  # meant for the process that passed its environment on
        try:
            sock = socket.socket(fileno=int(descriptor))
            sock.set_inheritable(False)
            channel = Channel(sock, limit=0)
            told = json.loads(_first(channel))
            handles = [SocketHandle.from_json(value) for value in told["handles"]]
            # An older program says nothing of them.
            return cls(channel, int(told["process"]), handles, Places(told.get("places")))
        except (OSError, ValueError, KeyError, TypeError, ChannelClosedError) as error:
            message = f"the program to take over from does not answer: {error}"
            raise StartupError(message) from error

    def ask(self, loop: Loop, done: Callable[[], None]) -> None:
        """Ask for what the old program keeps until the end.

        Args:
            loop: The supervisor's.
            done: Called when it is ours.
        """

        def read() -> None:
            try:
                if GO not in self._channel.receive():
                    return
            except ChannelClosedError:
                logging.getLogger("nonecorn.error").warning(
                    "process %d has gone before it was asked to", self.process
                )
            loop.forget(self._channel.sock)
            self._channel.close()
            done()

        self._channel.send(READY)
        loop.on_ready(self._channel.sock, read)


def _first(channel: Channel) -> bytes:
    channel.sock.settimeout(_PATIENCE)
    frames: list[bytes] = []
    while not frames:
        frames = channel.receive()
    channel.sock.setblocking(False)
    return frames[0]
