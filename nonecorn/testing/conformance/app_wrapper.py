"""The rules for application wrappers: subclass `AppWrapperConformance`.

class TestMyInterface(AppWrapperConformance):
wrap = staticmethod(wrap)
detect = staticmethod(detect)

def application(self) -> object:
return an_application_that_answers_200_and_the_body_hello
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nonecorn.spi import AppDetector, AppLoadError, AppWrapper, Scope, Settings
from nonecorn.testing import make_app_context
from nonecorn.testing.asgi import Call, call, make_scope

__all__ = ["AppWrapperConformance"]


class _NoApplication:
    """Fails the test when it is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *args: object, **kwargs: object) -> object:
        self.calls += 1
        message = "an application was called where it may only be looked at"
        raise AssertionError(message)


class AppWrapperConformance:
    """Every rule for an application wrapper.

    Attributes:
        wrap: The wrapper.
        detect: Its detector.
        settings: Settings objects that the wrapper looks up.
        foreign: Objects that are no application of this interface.
        body: What `application` answers.
        threads: The wrapper runs applications in threads.
    """

    wrap: AppWrapper
    detect: AppDetector
    settings: Sequence[Settings] = ()
    foreign: Sequence[Any] = (None, 1, "module:app", object(), [], {"type": "http"})
    body = b"hello"
    threads = False

    def application(self) -> Any:
        """A new application of this interface that answers 200 with `body`."""
        message = "a subclass gives an application: def application(self)"
        raise AssertionError(message)

    def wrapped(self) -> Any:
        """It, wrapped."""
        return self.wrap(self.application(), make_app_context(self.settings))

    def test_a01_own_applications_are_detected(self) -> None:
        """A1. `detect` says True of an application of this interface."""
        assert self.detect(self.application()) is True

    def test_a02_others_are_not_detected(self) -> None:
        """A2. `detect` says False of what is no application of this interface, and raises for
        nothing.
        """
        for each in self.foreign:
            assert self.detect(each) is False, each

    def test_a03_detection_does_not_call(self) -> None:
        """A3. `detect` does not call the object that it is given."""
        application = _NoApplication()
        self.detect(application)
        assert application.calls == 0

    def test_a04_requests_are_served(self) -> None:
        """A4. The wrapped application answers a request in ASGI's messages, in their order."""
        response = call(self.wrapped(), threads=self.threads)
        assert (response.status, response.content) == (200, self.body)
        assert response.sent[0]["type"] == "http.response.start"
        assert not response.sent[-1].get("more_body", False)
        for name, value in response.headers:
            assert isinstance(name, bytes)
            assert isinstance(value, bytes)

    def test_a05_requests_share_nothing(self) -> None:
        """A5. One wrapped application serves many requests, also at the same time."""
        wrapped = self.wrapped()
        calls = [Call(wrapped, make_scope(path=f"/{n}"), threads=self.threads) for n in range(3)]
        for each in calls:
            each.step()
        for each in reversed(calls):
            each.body()
        assert [(each.status, each.content) for each in calls] == [(200, self.body)] * 3

    def test_a06_a_disconnect_does_no_harm(self) -> None:
        """A6. A client that goes before its request is complete ends that request only."""
        wrapped = self.wrapped()
        gone = Call(wrapped, make_scope(method="POST"), threads=self.threads)
        gone.body(b"half", more=True)
        gone.disconnect()
        assert gone.done
        assert call(wrapped, threads=self.threads).status == 200

    def test_a07_lifespan_is_answered_or_declined(self) -> None:
        """A7. A lifespan scope is taken part in, or declined by raising; it is not left waiting."""
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        lifespan = Call(self.wrapped(), scope, threads=self.threads)
        lifespan.feed({"type": "lifespan.startup"})
        if lifespan.done:
            return
        assert [m["type"] for m in lifespan.sent] == ["lifespan.startup.complete"]
        lifespan.feed({"type": "lifespan.shutdown"})
        assert lifespan.done

    def test_a08_a_misfit_is_refused_or_wrapped(self) -> None:
        """A8. Where the wrapper is given what cannot be an application, it raises `AppLoadError` or
        nothing.
        """
        for each in self.foreign:
            try:
                self.wrap(each, make_app_context(self.settings))
            except AppLoadError as error:
                assert "\n" not in str(error)  # it may also not raise
            except Exception as error:  # noqa: BLE001
                pytest.fail(f"{each!r}: {error!r} is no AppLoadError")
