"""What the service manager is told (sd_notify(3)), and the watchdog that it keeps.

systemd names a datagram socket in `NOTIFY_SOCKET`; without it every method does nothing. Whoever
answers for the service calls them, one process only: this one where it serves by itself, the
supervisor where there are workers.

The watchdog is fed from the event loop, so it says what it is meant to say: a loop that hangs feeds
nothing, and systemd restarts the service.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from nonecorn.spi import Runtime, Timer

_PATIENCE = 1.0
"""Seconds that a full queue of the manager's may hold us up."""


class ServiceManager:
    """The other end of `NOTIFY_SOCKET`.

    Args:
        address: Path of its socket, or a name of the abstract namespace after `@`; empty for
            nobody.
        watchdog: Seconds within which it wants to hear of us; 0 for never.

    Attributes:
        serves: It has been told that the service is ready, and not that it ends.
        watchdog_interval: Seconds between two calls of `alive`: half of what is allowed.
    """

    __slots__ = ("_address", "_log", "serves", "watchdog_interval")

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        self._address = address
        self._log = logging.getLogger("nonecorn.error")
        self.serves = False
        self.watchdog_interval = watchdog / 2 if address else 0.0

    def __repr__(self) -> str:
        watchdog = f" every {self.watchdog_interval:g} s" if self.watchdog_interval else ""
        return f"<ServiceManager {self._address or 'nobody'}{watchdog}>"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The manager that the environment names.

        The variables stay: an application may have a status of its own to tell.
        """
        address = environ.get("NOTIFY_SOCKET", "")
        if not hasattr(socket, "AF_UNIX") or not address.startswith(("/", "@")):
            return cls()  # AF_VSOCK is for what a virtual machine tells its host
        microseconds = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usable = meant and microseconds.isascii() and microseconds.isdigit()
        return cls(address, int(microseconds) / 1e6 if usable else 0.0)

    # What happens ---------------------------------------------------------------------------------

    def ready(self, status: str = "") -> None:
        """The service serves: started, or done with reloading."""
        self.serves = True
        self._send("READY=1", _status(status))

    def reloading(self, status: str = "") -> None:
        """A reload begins; `ready` ends it. With `Type=notify-reload` the time is required."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={microseconds}", _status(status))

    def stopping(self, status: str = "") -> None:
        """The service begins to end."""
        self.serves = False
        self._send("STOPPING=1", _status(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(text))

    def main_process(self, process: int) -> None:
        """Another process is the service from now on."""
        self._send(f"MAINPID={process}")

    def extend_timeout(self, seconds: float) -> None:
        """The present phase takes longer: allow so much more from now on."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def watch(self, runtime: Runtime) -> Watch:
        """Feed the watchdog from a runtime's loop, at once and until the result is cancelled."""
        return Watch(self, runtime)

    # ----------------------------------------------------------------------------------------------

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        message = "\n".join(line for line in lines if line).encode()
        name = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(_PATIENCE)
                sock.sendto(message, name)
        except OSError as error:
            # That the manager cannot be told is no reason not to serve.
            self._log.debug("%r could not be told %r: %s", self, lines[0], error)


class Watch:
    """A watchdog's feeding; see `ServiceManager.watch`."""

    __slots__ = ("_manager", "_runtime", "_timer")

    def __init__(self, manager: ServiceManager, runtime: Runtime) -> None:
        self._manager = manager
        self._runtime = runtime
        self._timer: Timer | None = None
        if manager.watchdog_interval:
            self._feed()

    def __repr__(self) -> str:
        return f"<Watch {'off' if self._timer is None else 'on'} {self._manager!r}>"

    def cancel(self) -> None:
        """Feed it no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _feed(self) -> None:
        runtime = self._runtime
        self._manager.alive()
        self._timer = runtime.call_at(runtime.time() + self._manager.watchdog_interval, self._feed)


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}" if text else ""
