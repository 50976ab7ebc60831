"""What one worker does, from start-up to exit, on any runtime.

    load ─► lifespan start-up ─► listen ─► ready … stop asked ─► draining:
      1. listeners closed: new clients are refused, not kept waiting
      2. every connection told (`Protocol.shutdown`); idle ones close at once
      3. up to `graceful_timeout` for requests under way
      4. what still runs is cancelled, what is still open aborted
      5. lifespan shutdown ─► exit code

Asked once more, it skips what is left of 3, or of 5. Asked while the application starts, it
abandons that. An application that was started is shut down whatever happens, unless the task
itself is cancelled. The order is written here once, so that all runtimes keep it.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from nonecorn.builtin.lifespan import Lifespan
from nonecorn.serving.application import wrap_application
from nonecorn.serving.connections import Connections
from nonecorn.serving.contexts import Contexts, app_context, load_negotiable, load_tls
from nonecorn.serving.draining import Draining
from nonecorn.serving.negotiate import PrefaceSniffer
from nonecorn.serving.observers import compile_observers
from nonecorn.spi import LifespanError

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.serving.bindings import Bindings
    from nonecorn.spi import Context, Job, Observers, Port, Protocol, Runtime, Waiter

EXIT_CLEAN = 0
EXIT_CUT = 1

STOP_SIGNALS = tuple(
    int(getattr(signal, name))
    for name in ("SIGINT", "SIGTERM", "SIGBREAK")
    if hasattr(signal, name)
)

_IDLE, _STARTING, _SERVING, _DRAINING, _ENDING, _ENDED = range(6)
_STAGES = ("idle", "starting", "serving", "draining", "shutting down", "ended")


class Host:
    """One worker's work.

    Args:
        plan: What to be.
        bindings: Listening sockets; they stay the caller's.
        app: The application object, loaded.
        signals: Stop on SIGINT and SIGTERM; only in the main thread.
        trigger: Async function whose return asks for a stop.
        ready: Called once connections are accepted.
        stopping: Called once they are not any more: who has no other use for the listening sockets
            closes them, so that new clients are refused instead of waiting in their backlog.

    Raises:
        NonecornError: A part of the plan cannot be had, or has no use for its settings.
    """

    def __init__(
        self,
        plan: Plan,
        bindings: Bindings,
        app: Any,
        *,
        signals: bool = False,
        trigger: Callable[[], Awaitable[Any]] | None = None,
        ready: Callable[[], None] | None = None,
        stopping: Callable[[], None] | None = None,
    ) -> None:
        self._plan = plan
        self._bindings = bindings
        self._signals = signals
        self._trigger = trigger
        self._ready = ready
        self._stopping = stopping
        self._log = logging.getLogger("nonecorn.error")
        context = app_context(plan)
        self._negotiable = load_negotiable(plan)
        self._tls = load_tls(plan)
        self._observers: Observers = compile_observers(plan.observers, context)
        self._app = wrap_application(plan, context, app)
        self._stage = _IDLE
        self._stops = 0
        self._cut = False
        self._stop: Waiter | None = None
        self._lifespan: Lifespan | None = None
        self._draining: Draining | None = None

    def __repr__(self) -> str:
        return f"<Host {_STAGES[self._stage]} {self._draining or ''}>"

    async def main(self, runtime: Runtime) -> int:
        """Serve until asked to stop.

        Returns:
            `EXIT_CLEAN`, or `EXIT_CUT` where requests had to be cut off.

        Raises:
            LifespanError: The application's start-up failed.
        """
        self._stop = runtime.waiter()
        if self._signals:
            for number in STOP_SIGNALS:
                runtime.on_signal(number, self.stop)
        watcher = None if self._trigger is None else self._watch(runtime)
        lifespan = self._lifespan = Lifespan(self._app, runtime, self._plan.server.lifespan)
        try:
            if not self._stop_asked():
                await self._start(lifespan)
            if not self._stop_asked():
                try:
                    await self._serve(runtime, lifespan)
                except Exception:
                    await self._end(lifespan)
                    raise
            await self._end(lifespan)
        finally:
            self._stage = _ENDED
            if watcher is not None:
                watcher.cancel()
            lifespan.cancel()
        return EXIT_CUT if self._cut else EXIT_CLEAN

    def stop(self) -> None:
        """Ask for the end; asked again, do not wait for requests, nor for the application.

        On the loop's thread, or before `main` has begun.
        """
        self._stops += 1
        if self._stop is not None:
            self._stop.set()
        lifespan = self._lifespan
        if lifespan is None:
            return
        if self._stage == _STARTING and not lifespan.supported:
            lifespan.cancel()
        elif self._stage == _DRAINING and self._draining is not None and self._stops > 1:
            self._draining.hurry()
        elif self._stage == _ENDING:
            self._cut = True
            lifespan.cancel()

    def _stop_asked(self) -> bool:
        return self._stops > 0

    def _watch(self, runtime: Runtime) -> Job:
        trigger = self._trigger
        assert trigger is not None  # the caller looked

        async def watch() -> None:
            try:
                await trigger()
            except Exception:  # noqa: BLE001  # logged
                self._log.exception("the shutdown trigger failed; stopping")
            self.stop()

        return runtime.spawn(watch)

    # Phases ---------------------------------------------------------------------------------------

    async def _start(self, lifespan: Lifespan) -> None:
        """Run the application's start-up, until a stop is asked for."""
        self._stage = _STARTING
        try:
            await lifespan.startup(self._plan.server.startup_timeout)
        except LifespanError as error:
            if self._stop_asked():
                return  # it did not fail: it was given up
            if error.__cause__ is not None:
                self._log.error(
                    "the application raised at lifespan start-up", exc_info=error.__cause__
                )
            raise

    async def _serve(self, runtime: Runtime, lifespan: Lifespan) -> None:
        """Listen, wait for the stop, and drain."""
        assert self._stop is not None  # `main` made it
        plan = self._plan
        state = lifespan.state if lifespan.supported else None
        contexts = Contexts(plan, self._negotiable, runtime, self._app, self._observers, state)
        connections = Connections(runtime, plan.limits, self._observers)
        draining = self._draining = Draining(runtime, contexts, connections)
        started = False
        try:
            self._stage = _SERVING
            for binding in self._bindings:
                context = contexts.secure if binding.listener.tls else contexts.clear
                first = self._first_protocol(context)
                await connections.listen(binding.bound.sock, context, first, plan.server.backlog)
            started = True
            for observe in self._observers.worker_started:
                observe(runtime)
            if self._ready is not None:
                self._ready()
            await self._stop.wait()
            self._stage = _DRAINING
            connections.close_listeners()
            if self._stopping is not None:
                self._stopping()
            self._tell_stopping(runtime)
            if self._stops > 1:
                draining.hurry()
            self._cut = not await draining.run(plan.server.graceful_timeout)
        finally:
            # After an error or a cancellation this is still to do.
            connections.close_listeners()
            if started and self._stage == _SERVING:
                self._tell_stopping(runtime)
            draining.cut()

    def _tell_stopping(self, runtime: Runtime) -> None:
        for observe in self._observers.worker_stopping:
            observe(runtime)

    async def _end(self, lifespan: Lifespan) -> None:
        """Shut the application down, if it was started."""
        self._stage = _ENDING
        await lifespan.shutdown(self._plan.server.shutdown_timeout)

    def _first_protocol(self, context: Context) -> Callable[[Context, Port], Protocol]:
        """What makes the first protocol of a listener's connections."""
        tls = self._tls
        if context.scheme == "https" and tls is not None:
            from nonecorn.builtin.tls.layer import TLSLayer  # noqa: PLC0415  # only where there is TLS

            return lambda context, port: TLSLayer(port, context, tls)
        return PrefaceSniffer if context.prefaces else context.default
