"""The worker's end of the channel.

A thread of its own reads it: so a worker whose event loop hangs still notices that its supervisor
has died. What is to be done is done on the loop.
"""

from __future__ import annotations

import _thread
import dataclasses
import functools
import json
import logging
import os
import selectors
import signal
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nonecorn.serving.handover import SocketHandle
from nonecorn.supervisor.channel import Channel, ChannelClosedError
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
    from nonecorn.serving.host import Host
    from nonecorn.spi import Runtime

ORPHANED = 1.0
"""Seconds that a worker may go on without its supervisor."""
_AGAIN = 0.02
"""Seconds until the main thread is interrupted again, while it imports the application."""


class Control:
    """See the module.

    Args:
        channel: Our end, from which the assignment has been read.
        further: Frames that came with it.
    """

    def __init__(self, channel: Channel, further: Sequence[bytes] = ()) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._early: list[Message] = []
        self._unheard = False  # it was told to end, and still imports
        self._runtime: Runtime | None = None
        self._host: Host | None = None
        for frame in further:
            self._got(decode(frame))
        thread = threading.Thread(target=self._listen, name="nonecorn.control", daemon=True)
        thread.start()

    def __repr__(self) -> str:
        return f"<Control {'waiting' if self._runtime is None else 'attached'} {self._channel!r}>"

    # Said by the worker, on its main thread -------------------------------------------------------

    def attach(self, runtime: Runtime, host: Host) -> None:
        """From now on the host is told; what came before is told now."""
        with self._lock:
            self._runtime, self._host = runtime, host
            self._unheard = False
            early, self._early = self._early, []
        for message in early:
            self._do(message)

    def ready(self) -> None:
        """Connections are accepted."""
        self._channel.send(encode(Ready()))

    def retiring(self, reason: str) -> None:
        """The worker had better be replaced."""
        self._channel.send(encode(Retiring(reason=reason)))

    def failed(self, code: int, text: str) -> None:
        """The worker ends with an error, and the supervisor shows it."""
        self._channel.send(encode(Failed(code=code, message=text)))

    def report(self) -> None:
        """What there is to do, and what has been done."""
        if self._host is not None:
            self._channel.send(encode(Pong(**dataclasses.asdict(self._host.load))))

    # Said by the supervisor -----------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._channel.sock, selectors.EVENT_READ)
                while True:
                    if not selector.select(_AGAIN if self._unheard else None):
                        _interrupt_main_thread()
                        continue
                    for frame in self._channel.receive():
                        self._got(decode(frame))
        except (ChannelClosedError, OSError, ValueError):
            self._orphaned()

    def _got(self, message: Message) -> None:
        with self._lock:
            if self._runtime is not None:
                self._runtime.call_from_thread(functools.partial(self._do, message))
                return
            self._early.append(message)
        if isinstance(message, Stop | Retire):
            # The main thread is importing the application: its handler ends that.
            self._unheard = True
            _interrupt_main_thread()

    def _do(self, message: Message) -> None:
        host = self._host
        assert host is not None  # attached
        match message:
            case Unready():
                host.unready()
            case Stop():
                host.stop()
            case Retire():
                host.retire()
            case Reopen():
                host.reopen_logs()
            case Adopt():
                host.adopt(self._handles(message.handles))
            case Release():
                host.release(message.lane)
            case Tickets():
                host.share_tickets(bytes.fromhex(message.secret))
            case Ping():
                self.report()

    def _handles(self, text: str) -> list[SocketHandle]:
        """What was passed, under the numbers that it has here."""
        passed = self._channel.passed
        handles = [SocketHandle.from_json(value) for value in json.loads(text)]
        return [
            handle
            if handle.descriptor == -1
            else dataclasses.replace(handle, descriptor=passed.popleft())
            for handle in handles
        ]

    def _orphaned(self) -> None:
        """The supervisor has died: nobody answers for this process, and its sockets are wanted."""
        runtime, host = self._runtime, self._host
        if runtime is not None and host is not None:
            logging.getLogger("nonecorn.error").error("the supervisor has gone: ending at once")
            for _ in range(3):
                runtime.call_from_thread(host.stop)
            time.sleep(ORPHANED)  # of this thread alone; the process may end meanwhile
        os._exit(1)


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:  # Windows: without an effect on what it waits for
        _thread.interrupt_main(signal.SIGTERM)
