"""The rules for observers: subclass `ObserverConformance` and say how one is made.

class TestMyObserver(ObserverConformance):
make = staticmethod(make)
settings = (MySettings(enabled=True),)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from nonecorn.spi import Observer, RequestRecord, Settings
from nonecorn.testing import MemoryPort, MemoryRuntime, make_app_context
from nonecorn.testing.asgi import make_scope

__all__ = ["ObserverConformance"]

_NASTY = "/\r\n\x1b[31m\x00\u2028\xff\ufffd\"' %s {0} \\"


def _record(**more: Any) -> RequestRecord:
    fields: dict[str, Any] = {
        "scope": make_scope(),
        "status": 200,
        "headers": [(b"content-type", b"text/plain")],
        "sent": 2,
        "received": 0,
        "duration": 0.25,
        "reason": "",
    }
    return RequestRecord(**{**fields, **more})


_REFUSED: dict[str, Any] = {
    "type": "http",
    "method": "",
    "path": "",
    "raw_path": b"",
    "query_string": b"",
    "headers": [],
    "http_version": "1.1",
    "scheme": "http",
    "client": None,
    "server": None,
}

RECORDS: dict[str, RequestRecord] = {
    "ordinary": _record(),
    "no response": _record(status=None, headers=[], reason="client-gone"),
    "refused": _record(scope=_REFUSED, status=400, headers=[], reason="bad-host"),
    "unix socket": _record(scope=make_scope(client=None, server=("/run/app.sock", None))),
    "websocket": _record(scope={**make_scope(), "type": "websocket", "scheme": "ws"}, status=101),
    "nasty": _record(
        scope=make_scope(
            path=_NASTY,
            raw_path=b"/\xff\x00\r\n",
            query_string=b"\xff\x1b[0m\n",
            headers=[(b"user-agent", b'"\x80\xff" \x85'), (b"referer", b"\\x22")],
        ),
        headers=[(b"x", b"\xff")],
    ),
}
"""What an observer must bear."""


class ObserverConformance:
    """Every rule for an observer.

    Attributes:
        make: What the spec's reference names: called with the worker's `AppContext`.
        settings: Settings objects with which it observes.
    """

    make: Any
    settings: Sequence[Settings] = ()

    def observer(self) -> Observer:
        """A new one."""
        made = self.make(make_app_context(self.settings))
        assert isinstance(made, Observer), f"{made!r}: settings under which it observes, please"
        return made

    @pytest.fixture
    def runtime(self) -> Iterator[MemoryRuntime]:
        """What it is told of."""
        yield MemoryRuntime()

    def test_o01_it_is_made_from_the_context(self) -> None:
        """O1. The reference makes an `Observer`, or None where its settings leave nothing to
        observe.
        """
        made = self.make(make_app_context(self.settings))
        assert made is None or isinstance(made, Observer)

    @pytest.mark.parametrize("name", RECORDS)
    def test_o02_every_record_is_borne(self, name: str) -> None:
        """O2. No record makes it raise: no status, no method, no client, whatever the bytes."""
        self.observer().request_finished(RECORDS[name])

    def test_o03_every_event_is_borne(self, runtime: MemoryRuntime) -> None:
        """O3. The events come in this order, some never; none makes it raise."""
        observer = self.observer()
        observer.worker_started(runtime)
        port = MemoryPort(runtime)
        observer.connection_opened(port)
        observer.request_started(dict(make_scope()))
        observer.request_finished(_record())
        observer.connection_closed(port)
        observer.worker_stopping(runtime)

    def test_o04_a_request_may_end_without_a_start(self) -> None:
        """O4. A request that was refused is finished without having been started."""
        self.observer().request_finished(RECORDS["refused"])

    def test_o05_the_scope_is_not_changed(self) -> None:
        """O5. What it is told is for looking at: the scope stays as it is."""
        scope = dict(make_scope())
        before = dict(scope)
        observer = self.observer()
        observer.request_started(scope)
        observer.request_finished(_record(scope=scope))
        assert scope == before
