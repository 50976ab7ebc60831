"""What one worker does, from start-up to exit, on any runtime.

    load ─► lifespan start-up ─► listen ─► ready … stop asked ─► draining:
      0. not ready any more, says `health_bind`; `drain_delay` passes
      1. listeners closed: new clients are refused, not kept waiting
      2. every connection told (`Protocol.shutdown`); idle ones close at once
      3. up to `graceful_timeout` for requests under way
      4. what still runs is cancelled, what is still open aborted
      5. lifespan shutdown ─► exit code

A worker that another one replaces (`retire`) gives clients time to come once more before step 2:
see `Draining`. So does one with a `drain_delay`, behind a load balancer that is.

Asked once more, it skips what is left of 3, or of 5. Asked while the application starts, it
abandons that. An application that was started is shut down whatever happens, unless the task
itself is cancelled. The order is written here once, so that all runtimes keep it.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from nonecorn.serving.adoption import Adoption
from nonecorn.serving.application import wrap_application
from nonecorn.serving.connections import Connections
from nonecorn.serving.contexts import (
    Contexts,
    alternatives,
    app_context,
    load_negotiable,
    load_tls,
)
from nonecorn.serving.draining import Draining
from nonecorn.serving.load import Load, RequestCounts
from nonecorn.serving.negotiate import PrefaceSniffer
from nonecorn.serving.observers import compile_observers
from nonecorn.serving.reopening import reopen_log_files
from nonecorn.serving.request_limit import RequestLimit, drawn_limit
from nonecorn.spi import Lane, LifespanError, Place, Running, running
from nonecorn.spi.lifespan import Lifespan

if TYPE_CHECKING:
    from nonecorn.builtin.tls.server import ServerTLS
    from nonecorn.builtin.tls.watch import CertificateWatch
    from nonecorn.plan import Plan
    from nonecorn.serving.bindings import Binding, Bindings
    from nonecorn.serving.handover import SocketHandle
    from nonecorn.serving.health.facts import Facts
    from nonecorn.serving.health.service import HealthService
    from nonecorn.spi import Context, Job, Listening, Observers, Port, Protocol, Runtime, Waiter

EXIT_CLEAN = 0
EXIT_CUT = 1

STOP_SIGNALS = tuple(
    int(getattr(signal, name))
    for name in ("SIGINT", "SIGTERM", "SIGBREAK")
    if hasattr(signal, name)
)

_LATECOMERS = 0.5
"""Seconds for those who have connected just before nobody accepts any more."""

_IDLE, _STARTING, _SERVING, _DRAINING, _ENDING, _ENDED = range(6)
_STAGES = ("idle", "starting", "serving", "draining", "shutting down", "ended")


class Host:
    """One worker's work.

    Args:
        plan: What to be.
        bindings: Listening sockets; they stay the caller's. Those for health too, where this is
            the whole server.
        app: The application object, loaded.
        tls: Certificates and rules; None to load them here, where a listener has TLS.
        signals: Stop on SIGINT and SIGTERM; only in the main thread.
        trigger: Async function whose return asks for a stop.
        ready: Called once connections are accepted.
        retiring: Called with a reason when the worker had better be replaced, which may be never;
            without it the worker retires by itself.
        stopping: Called once they are not any more: who has no other use for the listening sockets
            closes them, so that new clients are refused instead of waiting in their backlog.
        drain_delay: Seconds between the end of readiness and that of accepting; where there are
            workers it is not theirs to wait.
        place: Where the worker stands among others; None where it is alone.

    Raises:
        NonecornError: A part of the plan cannot be had, or has no use for its settings.
    """

    def __init__(
        self,
        plan: Plan,
        bindings: Bindings,
        app: Any,
        *,
        tls: ServerTLS | None = None,
        signals: bool = False,
        trigger: Callable[[], Awaitable[Any]] | None = None,
        ready: Callable[[], None] | None = None,
        retiring: Callable[[str], None] | None = None,
        stopping: Callable[[], None] | None = None,
        drain_delay: float = 0.0,
        place: Place | None = None,
    ) -> None:
        self._plan = plan
        self._bindings = bindings
        self._signals = signals
        self._trigger = trigger
        self._ready = ready
        self._retiring = retiring
        self._stopping = stopping
        self._drain_delay = drain_delay
        self._place = Place(secret=os.urandom(32)) if place is None else place
        self._log = logging.getLogger("nonecorn.error")
        context = self._context = app_context(plan)
        self._negotiable = load_negotiable(plan)
        self._tls = load_tls(plan) if tls is None else tls
        self._observers: Observers = compile_observers(plan.observers, context)
        self._limit_requests()
        self._counts = self._count_requests()
        self._app = wrap_application(plan, context, app)
        self._stage = _IDLE
        self._stops = 0
        self._retired = False
        self._unready = False
        self._patience = math.inf
        self._alone = False
        self._cut = False
        self._adoption: Adoption | None = None
        self._runtime: Runtime | None = None
        self._stop: Waiter | None = None
        self._lifespan: Lifespan | None = None
        self._draining: Draining | None = None
        self._health: HealthService | None = None
        self._accepting = False
        self._stay: Waiter | None = None
        self._certificates: CertificateWatch | None = None

    def __repr__(self) -> str:
        return f"<Host {_STAGES[self._stage]} {self._draining or ''}>"

    async def main(self, runtime: Runtime) -> int:
        """Serve until asked to stop.

        Returns:
            `EXIT_CLEAN`, or `EXIT_CUT` where requests had to be cut off.

        Raises:
            LifespanError: The application's start-up failed.
        """
        self._runtime = runtime
        self._context.run = Running(runtime=runtime, draining=self._unready)
        with running(self._context.run):
            return await self._run(runtime)

    async def _run(self, runtime: Runtime) -> int:
        self._stop = runtime.waiter()
        if self._signals:
            for number in STOP_SIGNALS:
                runtime.on_signal(number, self.stop)
        watcher = None if self._trigger is None else self._watch(runtime)
        lifespan = self._lifespan = Lifespan(self._app, runtime, self._plan.server.lifespan)
        try:
            await self._tell_health(runtime)
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
            if self._health is not None:
                self._health.close()
            if watcher is not None:
                watcher.cancel()
            lifespan.cancel()
        return EXIT_CUT if self._cut else EXIT_CLEAN

    def stop(self) -> None:
        """Ask for the end; asked again, do not wait for requests, nor for the application.

        On the loop's thread, or before `main` has begun.
        """
        self._stops += 1
        self.unready()
        if self._stop is not None:
            self._stop.set()
        lifespan = self._lifespan
        if lifespan is None:
            return
        if self._stage == _STARTING and not lifespan.supported:
            lifespan.cancel()
        elif self._stage == _DRAINING and self._draining is not None:
            if self._stops > 1:
                self._draining.hurry()
                if self._stay is not None:
                    self._stay.set()
            else:
                self._draining.settle()
        elif self._stage == _ENDING and (self._stops > 1 or not self._retired):
            self._cut = True
            lifespan.cancel()

    def unready(self) -> None:
        """The server is going to end: let the application know.

        On the loop's thread, or before `main` has begun.
        """
        self._unready = True
        if self._context.run is not None:
            self._context.run.draining = True

    def retire(self, *, patience: float = math.inf, alone: bool = False) -> None:
        """Ask for the end because others serve from now on: nobody is in a hurry.

        On the loop's thread, or before `main` has begun.

        Args:
            patience: Seconds that idle connections are left to their clients, at most.
            alone: The others begin only when this worker has ended: it goes on to accept in the
                meantime.
        """
        self._retired = True
        self._patience = patience
        self._alone = alone
        if self._stop is not None:
            self._stop.set()

    def adopt(self, handles: Iterable[SocketHandle]) -> None:
        """Accept from further sockets, which are another worker's. On the loop's thread."""
        if self._adoption is not None:
            self._adoption.adopt(self._plan, handles)

    def release(self, worker: int) -> None:
        """Leave that worker's sockets to it again. On the loop's thread."""
        if self._adoption is not None:
            self._adoption.release(worker)

    def share_tickets(self, secret: bytes) -> None:
        """Use another secret, which other workers have too, for TLS session tickets."""
        if self._tls is not None:
            self._tls.share_tickets(secret)

    def refresh_certificates(self) -> None:
        """Look at certificate files now. On the loop's thread."""
        if self._certificates is not None:
            self._certificates.look()

    def reopen_logs(self) -> None:
        """Open log files anew: they were moved away. On the loop's thread."""
        reopen_log_files()
        if self._runtime is not None:
            for observe in self._observers.reopen_logs:
                observe(self._runtime)

    @property
    def load(self) -> Load:
        """What there is to do, and where somebody asks for it what has been done."""
        load = Load() if self._draining is None else self._draining.load
        if self._counts is None:
            return load
        return dataclasses.replace(load, **self._counts.by_class)

    def _stop_asked(self) -> bool:
        return self._retired or self._stops > 0

    def _limit_requests(self) -> None:
        limit = drawn_limit(self._plan.server)
        if limit:
            count = RequestLimit(limit, self._limit_reached)
            self._observers.request_started += (count,)

    def _count_requests(self) -> RequestCounts | None:
        if not self._plan.health:
            return None
        counts = RequestCounts()
        self._observers.request_finished += (counts,)
        return counts

    def _limit_reached(self) -> None:
        if self._retiring is not None:
            self._retiring("max_requests")
        else:
            self._log.info("max_requests is reached: stopping")
            self.unready()
            self.retire()

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

    async def _tell_health(self, runtime: Runtime) -> None:
        """Answer those who ask how the server is, from now on."""
        bindings = self._bindings.health
        if not bindings:
            return
        from nonecorn.serving.health.service import HealthService  # noqa: PLC0415  # only where asked for

        self._health = HealthService(runtime, self._facts)
        await self._health.listen(bindings, self._plan.server.backlog)

    def _facts(self) -> Facts:
        from nonecorn.serving.health.facts import Facts  # noqa: PLC0415  # only where asked for

        assert self._runtime is not None  # it asks
        return Facts.of_worker(
            stage=_STAGES[self._stage],
            ready=self._accepting and self._stage == _SERVING and not self._stop_asked(),
            draining=self._stop_asked() or self._stage > _SERVING,
            load=self.load,
            runtime=self._runtime.name,
        )

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
        contexts = Contexts(
            plan,
            self._negotiable,
            runtime,
            self._app,
            self._observers,
            state,
            self._tls,
            self._place,
            alternatives(plan, self._bindings),
        )
        connections = Connections(runtime, plan.limits, self._observers)
        apart = () if self._health is None else self._health.ports
        draining = self._draining = Draining(runtime, contexts, connections, apart)
        watch = self._certificates = self._watch_certificates(runtime)
        started = False
        try:
            self._stage = _SERVING
            self._adoption = Adoption(
                self._bindings, runtime, lambda each: self._listen(each, contexts, connections)
            )
            for binding in self._bindings.serving:
                await self._listen(binding, contexts, connections)
            started = self._accepting = True
            if watch is not None:
                watch.start()
            for observe in self._observers.worker_started:
                observe(runtime)
            if self._ready is not None:
                self._ready()
            await self._stop.wait()
            self._stage = _DRAINING
            await self._stay_open(runtime)
            most = min(plan.limits.keep_alive_timeout or math.inf, self._patience)
            if self._alone and not self._stops:
                await draining.see_off(most, plan.server.graceful_timeout)
                most = min(most, _LATECOMERS)
            self._adoption.close()
            connections.close_listeners(succeeded=not self._stops)
            if self._stopping is not None:
                self._stopping()
            self._tell_stopping(runtime)
            if self._stops > 1:
                draining.hurry()
            elif self._retired and self._stops:
                draining.settle()  # both at once, after a hold-up: who has asked is answered
            patient = self._retired or plan.server.drain_delay
            linger = most if patient else 0.0
            self._cut = not await draining.run(plan.server.graceful_timeout, linger)
        finally:
            # After an error or a cancellation this is still to do.
            connections.close_listeners()
            if watch is not None:
                watch.stop()
            if started and self._stage == _SERVING:
                self._tell_stopping(runtime)
            draining.cut()
            connections.close_endpoints()

    async def _listen(
        self, binding: Binding, contexts: Contexts, connections: Connections
    ) -> Callable[[], None]:
        """Accept from a socket. Returns what ends that."""
        context = contexts.secure if binding.listener.tls else contexts.clear
        if binding.datagrams:
            listening = await self._listen_datagrams(binding, context, connections)
            return lambda: connections.close_listener(listening)
        first = self._first_protocol(context)
        backlog = self._plan.server.backlog
        listening = await connections.listen(binding.bound.sock, context, first, backlog)
        return lambda: connections.close_listener(listening)

    async def _listen_datagrams(
        self, binding: Binding, context: Context, connections: Connections
    ) -> Listening:
        endpoint = binding.listener.transport.endpoint
        assert endpoint is not None  # `check_specs` looked
        lane = Lane(
            index=binding.worker or 0,
            count=binding.lanes,
            listener=f"{binding.index} {binding.bound.display}",
        )
        return await connections.listen_datagrams(
            binding.bound.sock, context, endpoint.load(), lane
        )

    async def _stay_open(self, runtime: Runtime) -> None:
        """Serve on while load balancers notice that the worker is not ready any more."""
        if not self._drain_delay or self._stops > 1:
            return
        self._log.info("not ready any more; serving on for %g s", self._drain_delay)
        self._stay = runtime.waiter()
        timer = runtime.call_at(runtime.time() + self._drain_delay, self._stay.set)
        try:
            await self._stay.wait()
        finally:
            timer.cancel()

    def _watch_certificates(self, runtime: Runtime) -> CertificateWatch | None:
        if self._tls is None:
            return None
        from nonecorn.builtin.tls.watch import CertificateWatch  # noqa: PLC0415  # only where there is TLS

        return CertificateWatch(self._tls, runtime)

    def _tell_stopping(self, runtime: Runtime) -> None:
        for observe in self._observers.worker_stopping:
            observe(runtime)

    async def _end(self, lifespan: Lifespan) -> None:
        """Shut the application down, if it was started."""
        self._stage = _ENDING
        await lifespan.shutdown(self._plan.server.shutdown_timeout)

    def _first_protocol(self, context: Context) -> Callable[[Context, Port], Protocol]:
        """What makes the first protocol of a listener's connections."""
        first = self._behind_proxies(context)
        if self._plan.server.proxy_protocol == "off":
            return first
        from nonecorn.builtin.proxy_protocol.layer import ProxyGate  # noqa: PLC0415  # only where used

        return ProxyGate(self._plan.server, first)

    def _behind_proxies(self, context: Context) -> Callable[[Context, Port], Protocol]:
        """What serves a connection whose two ends are known."""
        tls = self._tls
        if context.scheme == "https" and tls is not None:
            from nonecorn.builtin.tls.layer import TLSLayer  # noqa: PLC0415  # only where there is TLS

            return lambda context, port: TLSLayer(port, context, tls)
        return PrefaceSniffer if context.prefaces else context.default
