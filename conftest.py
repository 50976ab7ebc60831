"""What holds for every test of the repository."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from itertools import groupby, islice

import pytest
from hypothesis import settings

_TREE = "nonecorn"
_PYTHON_IGNORES = {
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)
}

# On a machine that does other things too, how long an example takes says nothing of it.
settings.register_profile("nonecorn", deadline=None)
settings.load_profile("nonecorn")

for _signal in signal.valid_signals() - _PYTHON_IGNORES:
    # A shell starts what runs beside others with SIGINT ignored, nohup what is to survive its
    # terminal with SIGHUP: so would every server be that a test starts, and then signals.
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(
            _signal, signal.default_int_handler if _signal == signal.SIGINT else signal.SIG_DFL
        )


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: many tests wait, for processes, clients and deadlines, and do not work."""
    return 5 * (os.cpu_count() or 1) // 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, in every process: it runs beside what is quick, and not at the
    end, beside each other.

    `--dist worksteal` gives each process as many tests, in their order, and those that have done
    theirs take over what others have left. So each share gets some of the slow modules, whole,
    since a module's tests may share a server, and is filled up with others.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow: list[list[pytest.Item]] = [[] for _ in range(processes)]
    quick = []
    modules = 0
    for _, group in groupby(items, lambda item: item.path):
        of_module = list(group)
        long = [item for item in of_module if item.get_closest_marker("slow")]
        quick += [item for item in of_module if not item.get_closest_marker("slow")]
        if long:
            slow[modules % processes] += long
            modules += 1
    rest = iter(quick)
    left = len(items)
    items.clear()
    for number, begun in enumerate(slow):
        share = left // (processes - number)
        left -= share
        items += begun
        items += list(islice(rest, max(share - len(begun), 0)))
    items += rest


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Put back the tree `nonecorn`, which a server that ran in this process has set up: no test
    depends on those before it.
    """
    tree = logging.getLogger(_TREE)
    before = tree.handlers[:], tree.level, tree.propagate
    yield
    if (tree.handlers, tree.level, tree.propagate) != before:
        tree.handlers[:], level, tree.propagate = before
        tree.setLevel(level)
