"""What middleware has against its options, found before anything is bound."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from nonecorn.spi import AppContext, ConfigError, MiddlewareSpec, Settings


def option_problems(
    spec: MiddlewareSpec, options: Mapping[str, Any], settings: Mapping[str, Settings], where: str
) -> list[str]:
    """Problems of one configured entry, one line each; the middleware's module is imported.

    Args:
        spec: Whose.
        options: The entry's, without `use`.
        settings: Every table.
        where: What lines begin with.

    Raises:
        PluginLoadError: The module, or a library that it needs, cannot be imported.
    """
    if spec.check is None:
        return []
    context = AppContext(settings=settings, log=logging.getLogger("nonecorn.error"))
    try:
        spec.check.load()(dict(options), context)
    except ConfigError as error:
        return [f"{where}: {problem.removeprefix('middleware ')}" for problem in error.problems]
    return []
