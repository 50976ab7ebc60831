"""What holds for every test of the repository."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

_TREE = "nonecorn"


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
