"""The lifespan protocol (ASGI lifespan 2.0): start-up before the first connection, shutdown
after the last. For the worker, and for middleware that serves several applications.

One task runs the application with the lifespan scope for as long as the worker lives. In mode
`auto` an application that raises on that scope is taken to have no lifespan, as the
specification asks; what it raised after it had asked for the start-up event is a real failure
more often than not, so it is shown. In mode `on` either ends the start.
"""

from __future__ import annotations

import logging
import typing
from typing import TYPE_CHECKING, Any

from nonecorn.spi.errors import LifespanError, LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nonecorn.spi.application import ASGIApp, Message
    from nonecorn.spi.runtime import Job, Timer, Waiter

_STARTING, _STARTED, _STOPPING, _STOPPED = range(4)
_STAGES = ("starting", "started", "stopping", "stopped")


class Tasks(typing.Protocol):
    """What a lifespan needs of a `Runtime`, and how it is called."""

    def time(self) -> float:
        """See `Runtime`."""
        ...

    def spawn(self, function: Callable[[], Awaitable[None]], /) -> Job:
        """See `Runtime`."""
        ...

    def waiter(self) -> Waiter:
        """See `Runtime`."""
        ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """See `Runtime`; called where there is a time-out."""
        ...


class Lifespan:
    """The lifespan of one application, in one worker.

    Args:
        app: The application.
        runtime: Where its task runs.
        mode: As for `--lifespan`: `auto`, `on` or `off`.
        label: What lines in the log begin with; nothing where there is but one application.
        state: Its dictionary, where there is one already.

    Attributes:
        state: The application's dictionary; each request gets a shallow copy.
        supported: The application takes part; known after `startup`.
        reason: Why `startup` or `shutdown` failed, in a few words.
    """

    __slots__ = (
        "_app", "_asked", "_begun", "_ended", "_error", "_failure", "_job", "_label", "_log",
        "_mode", "_runtime", "_stage", "_stop", "_waiter", "reason", "state", "supported",
    )  # fmt: skip

    def __init__(
        self,
        app: ASGIApp,
        runtime: Tasks,
        mode: str,
        *,
        label: str = "",
        state: dict[str, Any] | None = None,
    ) -> None:
        self._app = app
        self._runtime = runtime
        self._mode = mode
        self._log = logging.getLogger("nonecorn.error")
        self._stage = _STARTING
        self._asked = 0
        self._begun = False
        self._ended = False
        self._failure: str | None = None
        self._error: BaseException | None = None
        self._job: Job | None = None
        self._waiter: Waiter = runtime.waiter()
        self._stop: Waiter | None = None
        self._label = f"{label}: " if label else ""
        self.state: dict[str, Any] = {} if state is None else state
        self.supported = False
        self.reason = ""

    def __repr__(self) -> str:
        return f"<Lifespan {_STAGES[self._stage]} mode={self._mode} supported={self.supported}>"

    async def startup(self, timeout: float) -> None:
        """Run the application's start-up.

        Args:
            timeout: Seconds; 0 for no end.

        Raises:
            LifespanError: It failed or took too long.
        """
        if self._mode == "off":
            return
        self._job = self._runtime.spawn(self._run)
        if not await self._wait(_STARTING, timeout):
            self._job.cancel()
            self.reason = f"took longer than {timeout:g} s"
            message = f"{self._label}the application's lifespan start-up {self.reason}"
            raise LifespanError(message)
        if self._failure is not None:
            self.reason = self._failure or "no reason given"
            message = f"{self._label}the application's lifespan start-up failed: {self.reason}"
            raise LifespanError(message)
        if self.supported:
            return
        if self._mode == "on":
            self.reason = "does not support lifespan"
            message = f"{self._label}the application {self.reason}, and --lifespan is on"
            if self._error is not None and self._asked:
                self.reason = f"{type(self._error).__name__}: {self._error}".partition("\n")[0]
                message = f"{self._label}the application's lifespan start-up failed: {self.reason}"
            raise LifespanError(message) from self._error
        if self._error is not None and self._asked:
            self._log.warning(
                "%sthe application raised during lifespan start-up; serving without lifespan "
                "(--lifespan on makes this an error)",
                self._label,
                exc_info=self._error,
            )
        else:
            self._log.debug(
                "%sthe application does not support lifespan", self._label, exc_info=self._error
            )

    async def shutdown(self, timeout: float) -> bool:
        """Run the application's shutdown. False: it failed or took too long, which is logged."""
        if not self.supported or self._stage != _STARTED:
            return True
        self._stage = _STOPPING
        self._waiter = self._runtime.waiter()
        if self._stop is not None:
            self._stop.set()
        in_time = await self._wait(_STOPPING, timeout)
        if not in_time:
            self.reason = f"took longer than {timeout:g} s"
            self._log.error("%sthe application's lifespan shutdown %s", self._label, self.reason)
            if self._job is not None:
                self._job.cancel()
        elif self._failure is not None:
            self.reason = self._failure
            self._log.error(
                "%sthe application's lifespan shutdown failed: %s", self._label, self._failure
            )
        elif self._error is not None:
            self.reason = f"{type(self._error).__name__}: {self._error}".partition("\n")[0]
            self._log.error(
                "%sthe application raised during lifespan shutdown",
                self._label,
                exc_info=self._error,
            )
        return in_time and self._failure is None and self._error is None

    def cancel(self) -> None:
        """End the task without ceremony."""
        if self._job is not None and not self._ended:
            self._job.cancel()
            if not self._begun:
                # A task that is cancelled before its first step never takes one.
                self._stage = _STOPPED
                self._waiter.set()

    async def _wait(self, stage: int, timeout: float) -> bool:
        """Wait for a stage to end, which it may have. False: the time was up first."""
        timer = None
        if timeout:
            timer = self._runtime.call_at(self._runtime.time() + timeout, self._waiter.set)
        await self._waiter.wait()
        if timer is not None:
            timer.cancel()
        return self._stage != stage

    async def _run(self) -> None:
        scope: dict[str, Any] = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._begun = True
        try:
            await self._app(scope, self._receive, self._send)
        except SystemExit as error:
            # It must end the start-up, and not the loop in the middle of what it does.
            if self._stage == _STARTING:
                self._failure = f"it exited with {error.code!r}"
            self._failed(error)
        except Exception as error:  # noqa: BLE001  # the application's: kept, and shown
            self._failed(error)
        finally:
            self._ended = True
            self._stage = _STOPPED
            self._waiter.set()

    def _failed(self, error: BaseException) -> None:
        """Keep what the application raised for who waits for it; log it where nobody does."""
        if error.__traceback__ is not None:
            error.__traceback__ = error.__traceback__.tb_next  # from its own code on
        if self._stage in (_STARTING, _STOPPING):
            self._error = error
        elif self._failure is None:
            self._log.error("%sthe application's lifespan task failed", self._label, exc_info=error)

    async def _receive(self) -> Message:
        self._asked += 1
        if self._asked == 1:
            return {"type": "lifespan.startup"}
        while self._stage != _STOPPING:
            # Made anew each time: the application may cancel its wait and come back.
            self._stop = self._runtime.waiter()
            await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete" and self._stage == _STARTING:
            self._stage = _STARTED
            self.supported = True
        elif kind == "lifespan.startup.failed" and self._stage == _STARTING:
            self._stage = _STOPPED
            self._failure = message.get("message", "")
        elif kind == "lifespan.shutdown.complete" and self._stage == _STOPPING:
            self._stage = _STOPPED
        elif kind == "lifespan.shutdown.failed" and self._stage == _STOPPING:
            self._stage = _STOPPED
            self._failure = message.get("message", "")
        else:
            error = f"{kind!r} cannot be sent while the lifespan is {_STAGES[self._stage]!r}"
            raise LocalProtocolError(error)
        self._waiter.set()
