"""What signals mean to a server without workers, but for those that stop it.

    USR1   log files are opened anew
    HUP    so too, and certificates are read again; the rest of the configuration cannot be without
           another process to read it. The service manager hears of it, since a `systemctl reload`
           may wait for that. If the terminal that the server was started in has gone, it stops
    USR2   says what it would take

A signal that the program has a handler of its own for is left to that.
"""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

from nonecorn.serving.terminal import Terminal

if TYPE_CHECKING:
    from nonecorn.serving.host import Host
    from nonecorn.serving.service_manager import ServiceManager
    from nonecorn.spi import Runtime


def keep_up(runtime: Runtime, host: Host, manager: ServiceManager) -> None:
    """Act on them from now on. In the main thread."""
    log = logging.getLogger("nonecorn.error")
    terminal = Terminal()

    def reopen() -> None:
        host.reopen_logs()
        log.info("log files were opened anew")

    def hang_up() -> None:
        if terminal.gone:
            host.stop()
            return
        log.warning(
            "SIGHUP: without workers only certificates are read again (--workers 1 changes that)"
        )
        told = manager.serves  # a service that starts is not ready by this
        if told:
            manager.reloading()
        host.refresh_certificates()
        reopen()
        if told:
            manager.ready()

    def upgrade() -> None:
        log.warning("SIGUSR2: without workers no other program can take over (--workers 1)")

    for name, callback in (("SIGUSR1", reopen), ("SIGHUP", hang_up), ("SIGUSR2", upgrade)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.SIG_IGN):
            runtime.on_signal(number, callback)
