"""Gunicorn's server hooks, as far as the worker calls them."""

from __future__ import annotations

from typing import Any


def hook_of(cfg: Any, name: str) -> Any:
    """The hook, if the configuration has one; None for Gunicorn's own, which does nothing here."""
    setting = cfg.settings[name]
    found = setting.get()
    return None if found is setting.default else found
