"""Observers, compiled: per event one tuple of the methods that somebody overrides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from nonecorn.spi import AppContext, Observer, Observers, ObserverSpec

EVENTS = (
    "worker_started",
    "worker_stopping",
    "connection_opened",
    "connection_closed",
    "request_started",
    "request_finished",
)


class _Guarded:
    """One observer's method: an exception is logged once, and the method is heard no more."""

    __slots__ = ("_event", "_log", "_method", "_observers", "_source")

    def __init__(
        self,
        method: Callable[[Any], None],
        event: str,
        source: str,
        observers: Observers,
        log: logging.Logger,
    ) -> None:
        self._method = method
        self._event = event
        self._source = source
        self._observers = observers
        self._log = log

    def __repr__(self) -> str:
        return f"<observer {self._source}.{self._event}>"

    def __call__(self, argument: Any) -> None:
        try:
            self._method(argument)
        except Exception:
            self._log.exception(
                "observer %r failed at %s and was removed", self._source, self._event
            )
            others = tuple(
                call for call in getattr(self._observers, self._event) if call is not self
            )
            setattr(self._observers, self._event, others)


def compile_observers(specs: Iterable[ObserverSpec], context: AppContext) -> Observers:
    """Build each observer and collect the methods that it overrides."""
    observers = Observers()
    calls: dict[str, list[_Guarded]] = {event: [] for event in EVENTS}
    for spec in specs:
        observer = spec.observer.load()(context)
        if observer is None:
            continue
        for event in EVENTS:
            method = getattr(observer, event, None)
            if method is None or getattr(method, "__func__", None) is getattr(Observer, event):
                continue
            calls[event].append(_Guarded(method, event, spec.name, observers, context.log))
    for event, found in calls.items():
        setattr(observers, event, tuple(found))
    return observers
