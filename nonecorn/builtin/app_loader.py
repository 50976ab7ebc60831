"""Loads the application that the command's argument names.

    module                   its `app`, or else `application`; with --factory its `create_app`
    module:attribute.path    dotted names only: nothing is ever evaluated
    path/to/file.py:name     imported by its dotted name where it belongs to a package

A file's root directory joins `sys.path`; that of `--app-dir` was put there by the server.

Errors are one line. An error with a `__cause__` happened in the application's own code while it was
imported or made: the cause's traceback begins there, and who reports the error shows it. Without a
cause the line says everything.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from nonecorn.config.schema import ServerSettings
from nonecorn.spi import AppContext, AppLoadError

_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<attribute>[^:/]*))?")
_MODULE = re.compile(r"(?P<module>\w+(?:\.\w+)*)(?::(?P<attribute>[^:/]*))?")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def load(target: str, context: AppContext) -> Any:
    """Import the application that `target` names, and call it where it is a factory.

    Returns:
        The application; None where the target is neither a module nor a Python file.

    Raises:
        AppLoadError: It cannot be had. See above for its `__cause__`.
    """
    settings = context.settings_of(ServerSettings)
    if match := _FILE.fullmatch(target):
        _check_attribute(target, match["attribute"])
        module = _import_file(target, Path(match["file"]))
    elif match := _MODULE.fullmatch(target):
        _check_attribute(target, match["attribute"])
        module = _import_module(target, match["module"], match["attribute"], settings.app_dir)
    else:
        return None
    if match["attribute"]:
        found = _attribute(target, module, match["attribute"])
    else:
        found = _default(target, module, factory=settings.factory)
    return _make(target, found) if settings.factory else _checked(target, found)


def _check_attribute(target: str, attribute: str | None) -> None:
    if not attribute or _DOTTED.fullmatch(attribute):
        return
    if attribute.endswith("()"):
        hint = f"write {target.removesuffix('()')} with --factory"
    else:
        hint = "write a dotted name after the colon"
    message = f"{target!r}: {attribute!r} is an expression, and none is evaluated: {hint}"
    raise AppLoadError(message)


# Modules ------------------------------------------------------------------------------------------


def _import_module(target: str, name: str, attribute: str | None, app_dir: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise _failed(target, "cannot be imported", error) from error
        parent, _, last = name.rpartition(".")
        if attribute is None and parent and name == missing and parent in sys.modules:
            hint = f"did you mean '{parent}:{last}'?"
        elif near := difflib.get_close_matches(missing, _modules_in(app_dir), 1):
            hint = f"did you mean {name.replace(missing, near[0], 1)!r}?"
        else:
            hint = "check its name, or name its directory with --app-dir"
        message = f"{target!r}: there is no module {missing!r}: {hint}"
        raise AppLoadError(message) from None
    except Exception as error:
        raise _failed(target, "cannot be imported", error) from error


def _modules_in(directory: str) -> list[str]:
    try:
        entries = list(Path(directory).iterdir())
    except OSError:
        return []
    return [
        entry.stem
        for entry in entries
        if entry.suffix == ".py" or (entry / "__init__.py").is_file()
    ]


def _import_file(target: str, path: Path) -> ModuleType:
    if not path.is_file():
        message = f"{target!r}: there is no file {path}: check its path"
        raise AppLoadError(message)
    path = path.resolve()
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    if parts[-1] == "__init__":
        parts.pop()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    name = ".".join(parts)
    try:
        module = _import_at(name, path)
    except Exception as error:
        raise _failed(target, "cannot be imported", error) from error
    return module


def _import_at(name: str, path: Path) -> ModuleType:
    """Import a file by its dotted name, or beside that where the name belongs to another file."""
    if "." not in path.stem:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path:
            return importlib.import_module(name)
    alias = f"{name}@{path}"  # no other import can have this name
    if alias in sys.modules:
        return sys.modules[alias]
    spec = importlib.util.spec_from_file_location(alias, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018  # it is a .py file
    module = sys.modules[alias] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[alias]
        raise
    return module


# Attributes ---------------------------------------------------------------------------------------


def _attribute(target: str, module: ModuleType, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            owner = module.__name__ if found is module else f"{path.partition(f'.{name}')[0]!r}"
            near = difflib.get_close_matches(name, dir(found), 1)
            hint = f"did you mean {near[0]!r}?" if near else _hint(_candidates(module))
            message = f"{target!r}: {owner} has no attribute {name!r}: {hint}"
            raise AppLoadError(message) from None
        except Exception as error:
            raise _failed(target, f"cannot be read at {name!r}", error) from error
    return found


def _default(target: str, module: ModuleType, *, factory: bool) -> Any:
    names = ("create_app",) if factory else ("app", "application")
    for name in names:
        if hasattr(module, name):
            return getattr(module, name)
    if not factory and hasattr(module, "create_app"):
        hint = "it has 'create_app': add --factory"
    else:
        hint = _hint(_candidates(module))
    message = f"{target!r}: {module.__name__} has no {' or '.join(map(repr, names))}: {hint}"
    raise AppLoadError(message)


def _candidates(module: ModuleType) -> list[str]:
    """Names of what may be an application: callable objects, but no functions or classes."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and not inspect.isroutine(value)
        and not inspect.isclass(value)
        and type(value).__module__ not in ("typing", "functools")
    ]


def _hint(candidates: Iterable[str]) -> str:
    names = ", ".join(repr(name) for name in candidates)
    return f"did you mean {names}?" if names else "write module:attribute"


# Applications -------------------------------------------------------------------------------------


def _checked(target: str, app: Any) -> Any:
    if app is None:
        message = f"{target!r} is None: name an application"
        raise AppLoadError(message)
    if inspect.isfunction(app) and not _parameters(app):
        # Neither ASGI nor WSGI calls an application without arguments.
        message = f"{target!r} takes no arguments, so it is a factory: add --factory"
        raise AppLoadError(message)
    return app


def _make(target: str, factory: Any) -> Any:
    """Call a factory."""
    if not callable(factory):
        message = f"{target!r} cannot be called: leave --factory out, or name a function"
        raise AppLoadError(message)
    if inspect.iscoroutinefunction(factory):
        message = f"{target!r} is async: a factory is a plain function"
        raise AppLoadError(message)
    required = [
        parameter.name
        for parameter in _parameters(factory)
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        names = ", ".join(required)
        message = f"{target!r} needs arguments ({names}): a factory is called without any"
        raise AppLoadError(message)
    try:
        app = factory()
    except Exception as error:
        raise _failed(target, "failed", error) from error
    if app is None:
        message = f"{target!r} returned None: a factory returns the application"
        raise AppLoadError(message)
    return app


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # builtins may have none to show
        return [inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)]


# Failures -----------------------------------------------------------------------------------------


def _failed(target: str, what: str, error: Exception) -> AppLoadError:
    """An error of the application's own; its traceback is made to begin in its code."""
    error.__traceback__ = _trimmed(error.__traceback__)
    text = str(error).strip().partition("\n")[0]
    kind = type(error).__name__
    return AppLoadError(
        f"{target!r} {what}: {kind}: {text}" if text else f"{target!r} {what}: {kind}"
    )


def _trimmed(traceback: TracebackType | None) -> TracebackType | None:
    """Leave out our frames and the import system's before the first of the application."""
    ours = {__file__, importlib.__file__}
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file not in ours and not file.startswith("<frozen importlib"):
            break
        traceback = traceback.tb_next
    return traceback
