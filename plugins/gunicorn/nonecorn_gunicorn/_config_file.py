"""nonecorn's settings in Gunicorn's configuration file: a mapping named `nonecorn`.

    # gunicorn.conf.py
    nonecorn = {"limits": {"body_size": "10MiB"}, "h2": {"max_streams": 250}}

Gunicorn ignores names that it does not know, and keeps the module; it reads its command line before
it imports a worker class, so that a worker class cannot add a setting of Gunicorn's kind.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from nonecorn.spi import ConfigError

_MODULE = "python:"
_OF_FILE = "__config__"
"""What Gunicorn calls the module of a file."""


def settings_of_config_file(cfg: Any) -> dict[str, Any]:
    """What the file that `cfg` was read from says.

    Raises:
        ConfigError: `nonecorn` is something else there.
    """
    name = cfg.config or ""
    module = sys.modules.get(name.removeprefix(_MODULE) if name.startswith(_MODULE) else _OF_FILE)
    found = getattr(module, "nonecorn", None)
    if found is None or isinstance(found, ModuleType):  # `import nonecorn` stands there
        return {}
    if not isinstance(found, Mapping):
        message = f"{name}: nonecorn = {found!r} is no mapping of settings"
        raise ConfigError(message)
    return dict(found)
