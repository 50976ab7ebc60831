"""What holds for every test of the repository."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

_TREE = "nonecorn"


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: most tests wait, for processes, clients and deadlines, more than they work."""
    return 3 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, in one process: it runs beside thousands that are quick, and
    not at the end, beside each other.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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
