"""The pytest plugin, asked for with `pytest -p nonecorn.testing.plugin`.

It marks each test of the conformance kit with its rule (`-m nonecorn_rule` runs them alone), shows
the rule's text where one is broken, and provides fixtures. It is no `pytest11` entry
point: nobody who merely installed nonecorn gets it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from nonecorn.testing.clock import ManualClock
from nonecorn.testing.runtime import MemoryRuntime

_RULE = re.compile(r"test_([a-z])(\d+)_")
_KIT = "nonecorn.testing.conformance"


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line(
        "markers", "nonecorn_rule(number): a rule of nonecorn's plugin contract, such as P4"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that come from the kit with their rule's number."""
    for item in items:
        match = _RULE.match(item.name)
        if match is not None and _of_the_kit(item):
            item.add_marker(pytest.mark.nonecorn_rule(f"{match[1].upper()}{int(match[2])}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Show the text of a broken rule."""
    report = yield
    marker = item.get_closest_marker("nonecorn_rule")
    if marker is not None and report.failed:
        text = inspect.getdoc(getattr(item, "function", None)) or ""
        report.sections.append((f"rule {marker.args[0]} of nonecorn's contract", text))
    return report


@pytest.fixture
def memory_runtime() -> Iterator[MemoryRuntime]:
    """A `MemoryRuntime`; what is left on it is ended, and the test fails if that cannot be."""
    runtime = MemoryRuntime()
    yield runtime
    runtime.close()


@pytest.fixture(params=[False, True], ids=["lazy", "eager"])
def any_memory_runtime(request: pytest.FixtureRequest) -> Iterator[MemoryRuntime]:
    """A `MemoryRuntime` that begins tasks later, and one that begins them at once: both must do."""
    runtime = MemoryRuntime(eager=request.param)
    yield runtime
    runtime.close()


@pytest.fixture
def manual_clock(memory_runtime: MemoryRuntime) -> ManualClock:
    """The clock of `memory_runtime`."""
    return memory_runtime.clock


def _of_the_kit(item: pytest.Item) -> bool:
    function = getattr(item, "function", None)
    return getattr(function, "__module__", "").startswith(_KIT)
