"""One descriptor: importing it, and whether it speaks our API.

A local plugin is a module that no distribution announces: `--plugin acme.tools` or
`--plugin ./tools.py`. A file is imported as an ordinary top-level module from its own directory,
which goes to the end of `sys.path`: then the references in its specs can be resolved in worker
processes too, where only names arrive.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

from nonecorn._version import __version__
from nonecorn.plugins.advice import upgrade
from nonecorn.plugins.info import PluginInfo
from nonecorn.plugins.installed import KERNEL
from nonecorn.spi import PLUGIN_API, ApiMismatchError, PluginLoadError, PluginNotFoundError


def is_local(name: str) -> bool:
    """Does `--plugin NAME` mean a module or a file instead of an installed plugin?"""
    return is_file(name) or "." in name


def is_file(name: str) -> bool:
    """Does `--plugin NAME` mean a file?"""
    return name.endswith(".py") or "/" in name or os.sep in name


def local(name: str) -> PluginInfo:
    """The plugin behind a dotted module or a file; nothing is imported.

    Raises:
        PluginNotFoundError: There is no such file.
        PluginLoadError: The file's name cannot be a module's.
    """
    if not is_file(name):
        return PluginInfo(name=name, module=name, path=name)
    path = Path(name).absolute()
    if not path.is_file():
        message = f"plugin file {name} does not exist"
        raise PluginNotFoundError(message, plugin=name)
    if path.suffix != ".py" or not path.stem.isidentifier():
        message = f"plugin file {name} cannot be imported as a module: name it like_this.py"
        raise PluginLoadError(message, plugin=name)
    return PluginInfo(name=path.stem, module=path.stem, path=str(path))


def import_descriptor(info: PluginInfo) -> ModuleType:
    """Import a descriptor.

    Raises:
        PluginLoadError: It, or something that it needs, cannot be imported.
        ApiMismatchError: It was written for another version of the plugin API, or does not say
            for which.
    """
    if not info.distribution:
        _make_importable(info)
    try:
        module = importlib.import_module(info.module)
    except (Exception, SystemExit) as error:  # a script, called a plugin
        raise load_error(info, f"{info.module} cannot be imported", error) from error
    if info.path.endswith(".py"):
        _check_same_file(info, module)
    check_api(info, module)
    return module


def check_api(info: PluginInfo, module: ModuleType) -> None:
    """Refuse a descriptor of another API than ours, with the command that helps.

    Raises:
        ApiMismatchError: See above.
    """
    stated = getattr(module, "PLUGIN_API", None)
    if stated == PLUGIN_API and type(stated) is int:
        return
    ours = f"nonecorn {__version__} offers {PLUGIN_API}"
    if type(stated) is not int:
        stated_text = (
            "states no PLUGIN_API" if stated is None else f"states PLUGIN_API = {stated!r}"
        )
        remedy = f"write `PLUGIN_API = {PLUGIN_API}` in {info.module}"
        text = f"plugin {info} {stated_text}; {ours}: {remedy}"
        if info.distribution:
            text += f", or leave it out: --no-plugin {info.name}"
    else:
        text = f"plugin {info} was written for plugin API {stated}, {ours}"
        if not info.distribution:
            text += f": adapt {info.module}"
        else:
            behind = KERNEL if stated > PLUGIN_API else info.distribution
            text += f": {upgrade(behind)}, or leave it out: --no-plugin {info.name}"
    raise ApiMismatchError(text, plugin=info.name, distribution=info.label)


def load_error(info: PluginInfo, what: str, error: BaseException) -> PluginLoadError:
    """The one line for an exception out of a plugin's own code."""
    lines = str(error).splitlines()
    cause = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    way_out = f"; leave it out: --no-plugin {info.name}" if info.distribution else ""
    message = f"plugin {info}: {what}: {cause}{way_out}"
    return PluginLoadError(message, plugin=info.name, distribution=info.label)


def _make_importable(info: PluginInfo) -> None:
    # A console script's sys.path begins with its own directory, not with the current one. At the
    # end, so that nothing installed is hidden by a file that happens to lie there.
    directory = str(Path(info.path).parent if is_file(info.path) else Path.cwd())
    if directory not in sys.path:
        sys.path.append(directory)


def _check_same_file(info: PluginInfo, module: ModuleType) -> None:
    origin = getattr(module, "__file__", None)
    if origin is None or not Path(info.path).samefile(origin):
        found = origin or "built into Python"
        message = f"plugin file {info.path} is hidden by the module {found}: rename it"
        raise PluginLoadError(message, plugin=info.name)
