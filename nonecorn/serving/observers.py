"""Observers, compiled: per event one tuple of the methods that somebody overrides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from nonecorn.spi import (
    AppContext,
    NonecornError,
    Observer,
    Observers,
    ObserverSpec,
    PluginLoadError,
)

EVENTS = (
    "worker_started",
    "worker_stopping",
    "reopen_logs",
    "connection_opened",
    "connection_closed",
    "request_started",
    "request_finished",
)


class _Guarded:
    """One method of an observer: if it raises, that is logged, and the observer hears no more."""

    __slots__ = ("_event", "_log", "_method", "_name", "_observers", "observer")

    def __init__(
        self,
        observer: object,
        name: str,
        event: str,
        observers: Observers,
        log: logging.Logger,
    ) -> None:
        self.observer = observer
        self._name = name
        self._event = event
        self._method: Callable[[Any], None] = getattr(observer, event)
        self._observers = observers
        self._log = log

    def __repr__(self) -> str:
        return f"<observer {self._name}.{self._event}>"

    def __call__(self, argument: Any) -> None:
        try:
            self._method(argument)
        except Exception:  # noqa: BLE001  # logged
            self._log.exception("observer %r raised in %s and was removed", self._name, self._event)
            _remove(self.observer, self._observers)


def compile_observers(specs: Iterable[ObserverSpec], context: AppContext) -> Observers:
    """Build each observer and collect the methods that it overrides.

    Raises:
        NonecornError: One cannot be built.
    """
    observers = Observers()
    calls: dict[str, list[_Guarded]] = {event: [] for event in EVENTS}
    for spec in specs:
        observer = _build(spec, context)
        if observer is None:
            continue
        for event in EVENTS:
            method = getattr(observer, event, None)
            if method is None or getattr(method, "__func__", None) is getattr(Observer, event):
                continue
            calls[event].append(_Guarded(observer, spec.name, event, observers, context.log))
    for event, found in calls.items():
        setattr(observers, event, tuple(found))
    return observers


def _build(spec: ObserverSpec, context: AppContext) -> Observer | None:
    make = spec.observer.load()
    try:
        made: Observer | None = make(context)
    except NonecornError:
        raise
    except Exception as error:
        message = f"observer {spec.name!r} cannot be made: {type(error).__name__}: {error}"
        raise PluginLoadError(message) from error
    return made


def _remove(observer: object, observers: Observers) -> None:
    for event in EVENTS:
        calls: tuple[_Guarded, ...] = getattr(observers, event)
        setattr(observers, event, tuple(call for call in calls if call.observer is not observer))
