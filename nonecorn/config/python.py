"""Configuration in Python: a file, `python:module.object`, a module or any object.

Public names are settings; what begins with `_` is private, and modules, functions and classes are
what a file needs to compute its settings.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nonecorn.config.source import Source
from nonecorn.config.toml import shown
from nonecorn.spi.errors import ConfigError

PREFIX: Final = "python:"


def read_python_file(path: Path) -> Source:
    """Run a Python file; its public names are the settings.

    Raises:
        ConfigError: It cannot be read, or raises.
    """
    name = shown(path)
    if not path.is_file():
        message = f"{name}: there is no such configuration file"
        raise ConfigError(message)
    # Not entered in sys.modules: it is configuration, and nothing imports it.
    spec = importlib.util.spec_from_file_location("nonecorn_config", path.absolute())
    if spec is None or spec.loader is None:
        message = f"{name}: a Python configuration file ends in .py"
        raise ConfigError(message)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(_raised(name, error, str(path.absolute()))) from error
    return Source(data=public(module), name=name, base=path.absolute().parent)


def read_reference(reference: str) -> Source:
    """Import `module` or `module.object`, as in `-c python:settings.production`.

    The current directory is importable meanwhile.

    Raises:
        ConfigError: There is no such module or object, or its import raises.
    """
    name = PREFIX + reference
    parts = reference.replace(":", ".").split(".")
    if not all(part.isidentifier() for part in parts):
        message = f"{name}: write python:module or python:module.object"
        raise ConfigError(message)
    target = _resolve(name, parts)
    return from_object(target, name=name)


def from_object(target: object, *, name: str = "") -> Source:
    """The public names of an object, or the items of a mapping."""
    name = name or getattr(target, "__name__", None) or type(target).__name__
    if isinstance(target, Mapping):
        return Source(data=target, name=name)
    base = None
    file = getattr(target, "__file__", None) if isinstance(target, types.ModuleType) else None
    if file:
        base = Path(file).absolute().parent
    return Source(data=public(target), name=name, base=base)


def public(target: object) -> dict[str, Any]:
    """Attributes that can be settings: no private names, modules, functions and classes."""
    return {
        name: value
        for name in dir(target)
        if not name.startswith("_")
        and not callable(value := getattr(target, name))
        and not isinstance(value, types.ModuleType)
        and type(value).__module__ != "__future__"
    }


def _resolve(name: str, parts: list[str]) -> object:
    current = str(Path.cwd())
    added = current not in sys.path
    if added:
        sys.path.insert(0, current)
    try:
        target: Any = importlib.import_module(parts[0])
        module = parts[0]
        for part in parts[1:]:
            if not hasattr(target, part) and isinstance(target, types.ModuleType):
                importlib.import_module(f"{module}.{part}")
            target = getattr(target, part)
            module = f"{module}.{part}"
    except (ModuleNotFoundError, AttributeError) as error:
        message = f"{name}: {error}"
        raise ConfigError(message) from error
    except Exception as error:
        raise ConfigError(_raised(name, error, "")) from error
    finally:
        if added and current in sys.path:
            sys.path.remove(current)
    return target


def _raised(name: str, error: BaseException, file: str) -> str:
    line = 0
    if isinstance(error, SyntaxError):
        line = error.lineno or 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{name}{f':{line}' if line else ''}: {type(error).__name__}: {text}".rstrip(": ")
