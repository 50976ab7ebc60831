"""What one worker does, from start-up to exit, on any runtime.

    load ─► lifespan start-up ─► listen ─► ready … stop asked ─► draining:
      1. listeners closed: new clients are refused, not kept waiting
      2. every connection told (`Protocol.shutdown`); idle ones close at once
      3. up to `graceful_timeout` for requests under way
      4. what still runs is cancelled, what is still open aborted
      5. lifespan shutdown ─► exit code

A second stop request skips what is left of 3. The order is written here once, so that all
runtimes keep it.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from nonecorn.builtin.lifespan import Lifespan
from nonecorn.serving.application import wrap_application
from nonecorn.serving.contexts import Contexts, app_context, load_negotiable, load_tls
from nonecorn.serving.negotiate import PrefaceSniffer
from nonecorn.serving.observers import compile_observers

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.serving.bindings import Bindings
    from nonecorn.spi import Context, Listening, Observers, Port, Protocol, Runtime, Waiter

EXIT_CLEAN = 0
EXIT_CUT = 1

_CANCELLING = 1.0
"""Seconds that cancelled applications have to clean up."""
_LOOK = 0.05
"""Seconds between two looks at what still runs, while draining."""


class Host:
    """One worker's work.

    Args:
        plan: What to be.
        bindings: Listening sockets; they stay the caller's.
        app: The application object, loaded.
        signals: Stop on SIGINT and SIGTERM; only in the main thread.
        trigger: Async function whose return asks for a stop.
        ready: Called once connections are accepted.
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
    ) -> None:
        self._plan = plan
        self._bindings = bindings
        self._signals = signals
        self._trigger = trigger
        self._ready = ready
        self._log = logging.getLogger("nonecorn.error")
        context = app_context(plan)
        self._negotiable = load_negotiable(plan)
        self._tls = load_tls(plan)
        self._observers: Observers = compile_observers(plan.observers, context)
        self._app = wrap_application(plan, context, app)
        self._listenings: list[Listening] = []
        self._most = plan.limits.connections
        self._open = 0
        self._paused = False
        self._stops = 0
        self._stop: Waiter | None = None
        self._changed: Waiter | None = None

    def __repr__(self) -> str:
        state = "draining" if self._stops else "serving" if self._listenings else "starting"
        return f"<Host {state} connections={self._open}>"

    async def main(self, runtime: Runtime) -> int:
        """Serve until asked to stop.

        Returns:
            `EXIT_CLEAN`, or `EXIT_CUT` where requests had to be cut off.

        Raises:
            LifespanError: The application's start-up failed.
        """
        self._stop = runtime.waiter()
        server = self._plan.server
        if self._signals:
            for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
                if hasattr(signal, name):
                    runtime.on_signal(getattr(signal, name), self.stop)
        lifespan = Lifespan(self._app, runtime, server.lifespan)
        watcher = None
        try:
            await lifespan.startup(server.startup_timeout)
            contexts = Contexts(
                self._plan,
                self._negotiable,
                runtime,
                self._app,
                self._observers,
                lifespan.state if lifespan.supported else None,
            )
            await self._listen(runtime, contexts)
            for observe in self._observers.worker_started:
                observe(runtime)
            if self._trigger is not None:
                watcher = runtime.spawn(self._watch)
            if self._ready is not None:
                self._ready()
            await self._stop.wait()
            for observe in self._observers.worker_stopping:
                observe(runtime)
            clean = await self._drain(runtime, contexts, server.graceful_timeout)
            await lifespan.shutdown(server.shutdown_timeout)
        finally:
            if watcher is not None:
                watcher.cancel()
            lifespan.cancel()
            self._close_listeners()
        return EXIT_CLEAN if clean else EXIT_CUT

    def stop(self) -> None:
        """Ask for the end; asked again, do not wait for requests."""
        self._stops += 1
        if self._stop is not None:
            self._stop.set()
        if self._changed is not None:
            self._changed.set()

    async def _watch(self) -> None:
        assert self._trigger is not None  # who spawned this looked
        try:
            await self._trigger()
        except Exception:
            self._log.exception("the shutdown trigger failed; stopping")
        self.stop()

    # Listening ------------------------------------------------------------------------------------

    async def _listen(self, runtime: Runtime, contexts: Contexts) -> None:
        for binding in self._bindings:
            accept = self._acceptor(contexts.secure if binding.listener.tls else contexts.clear)
            self._listenings.append(
                await runtime.listen(
                    binding.bound.sock,
                    accept,
                    backlog=self._plan.server.backlog,
                    send_buffer=self._plan.limits.send_buffer,
                )
            )

    def _acceptor(self, context: Context) -> Callable[[Port], Protocol]:
        """The function that gives a new connection its first protocol."""
        first = self._first_protocol(context)
        opened = self._observers
        closed = self._connection_closed
        most = self._most

        def accept(port: Port) -> Protocol:
            port.on_close = closed
            self._open += 1
            if self._open >= most and most:
                self._pause()
            for observe in opened.connection_opened:
                observe(port)
            return first(context, port)

        return accept

    def _first_protocol(self, context: Context) -> Callable[[Context, Port], Protocol]:
        tls = self._tls
        if context.scheme == "https" and tls is not None:
            from nonecorn.builtin.tls.layer import TLSLayer  # noqa: PLC0415  # only where there is TLS

            return lambda context, port: TLSLayer(port, context, tls)
        return PrefaceSniffer if context.prefaces else context.default

    def _connection_closed(self, port: Port) -> None:
        self._open -= 1
        if self._paused and self._open < self._most:
            self._paused = False
            for listening in self._listenings:
                listening.resume()
        for observe in self._observers.connection_closed:
            observe(port)
        if self._changed is not None and not self._open:
            self._changed.set()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._log.warning("%d connections are open; more wait in the backlog", self._open)
            for listening in self._listenings:
                listening.pause()

    def _close_listeners(self) -> None:
        for listening in self._listenings:
            listening.close()

    # Draining -------------------------------------------------------------------------------------

    async def _drain(self, runtime: Runtime, contexts: Contexts, timeout: float) -> bool:
        contexts.drain()
        self._close_listeners()
        for port in list(runtime.ports):
            port.protocol.shutdown()
        deadline = runtime.time() + timeout
        while runtime.ports or contexts.running:
            if self._stops > 1 or runtime.time() >= deadline:
                await self._cut(runtime, contexts)
                return False
            await self._pass(runtime, min(_LOOK, deadline - runtime.time()))
        return True

    async def _cut(self, runtime: Runtime, contexts: Contexts) -> None:
        """End what would not end itself."""
        running: Sequence[Any] = list(contexts.running)
        self._log.warning(
            "%d requests and %d connections were cut off", len(running), len(runtime.ports)
        )
        for stream in running:
            if stream.job is not None:
                stream.job.cancel()
        deadline = runtime.time() + _CANCELLING
        while contexts.running and runtime.time() < deadline:
            await self._pass(runtime, _LOOK)
        for port in list(runtime.ports):
            port.abort()
        while runtime.ports and runtime.time() < deadline + _CANCELLING:
            await self._pass(runtime, _LOOK)

    async def _pass(self, runtime: Runtime, seconds: float) -> None:
        """Wait a while, or until the last connection closes or a further stop is asked for."""
        changed = self._changed = runtime.waiter()
        timer = runtime.call_at(runtime.time() + max(0.0, seconds), changed.set)
        await changed.wait()
        timer.cancel()
        self._changed = None
