"""Which plugins to load, and which configuration file holds the rest: found before all else.

`plugin` and `no_plugin` add up over file, environment and command line, unlike other lists: what a
project's file requires stays required when the command line asks for one more. Of one name, the
stronger source decides. An env file joins the environment here, so that it can say all that the
environment can.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonecorn.config.argv import EarlyOptions, read_early
from nonecorn.config.decode import decode
from nonecorn.config.source import Source
from nonecorn.config.tables import Tables
from nonecorn.config.toml import discover
from nonecorn.spi.errors import ConfigError, NonecornError

if TYPE_CHECKING:
    from nonecorn.plugins import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescan:
    """What was found.

    Attributes:
        selection: Which plugins to load.
        source: The configuration file or object, read; None for none.
        stands: Where each variable that an env file brought stands in it.
        error: Why the rest could not be read; only where `--help` is to be shown all the same.
    """

    selection: Selection
    source: Source | None = None
    stands: Mapping[str, str] = field(default_factory=dict)
    error: NonecornError | None = None


def prescan(argv: Sequence[str], environ: MutableMapping[str, str]) -> Prescan:
    """Look at a command's arguments, the environment and the configuration file.

    Args:
        argv: Arguments of the command, without its name.
        environ: The environment; an env file's variables are added to it.

    Raises:
        ConfigError: A file cannot be read. Not where `argv` asks for help: then `error` holds it.
    """
    early = read_early(argv)
    wishes = [_of_environment(environ), early]
    try:
        stands = _load_env_file(early.env_file or environ.get("NONECORN_ENV_FILE"), None, environ)
        named = early.config or environ.get("NONECORN_CONFIG")
        source = _open(named) if named else discover(Path.cwd())
        if source is not None and not stands:
            stands = _env_file_of(source, early, environ)
    except ConfigError as error:
        if not early.help:
            raise
        return Prescan(selection=_select(wishes), error=error)
    wishes = [_of_source(source), _of_environment(environ), early]
    return Prescan(selection=_select(wishes), source=source, stands=stands)


def prescan_sources(
    source: Source | None, overrides: Source, environ: MutableMapping[str, str]
) -> Prescan:
    """The same for the Python API: `overrides` stands for the command line.

    Raises:
        ConfigError: The env file cannot be read.
    """
    file = overrides.data.get("env_file") or environ.get("NONECORN_ENV_FILE")
    stands = _load_env_file(file, None, environ)
    if source is not None and not stands:
        stands = _env_file_of(source, EarlyOptions(env_file=file), environ)
    wishes = [_of_source(source), _of_environment(environ), _of_source(overrides)]
    return Prescan(selection=_select(wishes), source=source, stands=stands)


def _open(named: str) -> Source:
    from nonecorn.config.opening import open_source  # noqa: PLC0415  # most projects name no file

    return open_source(named)


def _select(wishes: Sequence[EarlyOptions]) -> Selection:
    from nonecorn.plugins import Selection  # noqa: PLC0415  # not needed where the scan fails

    wanted: dict[str, tuple[str, bool]] = {}
    autoload = True
    for wish in wishes:
        # Within one source a name may be in both lists; the loader says what it thinks of that.
        names = [(name, True) for name in wish.plugin] + [(name, False) for name in wish.no_plugin]
        keys = {name.replace("-", "_") for name, _ in names}
        wanted = {key: found for key, found in wanted.items() if key[1:] not in keys}
        for name, required in names:
            wanted[f"{'+' if required else '-'}{name.replace('-', '_')}"] = (name, required)
        autoload = autoload if wish.autoload is None else wish.autoload
    return Selection(
        required=tuple(name for name, required in wanted.values() if required),
        blocked=tuple(name for name, required in wanted.values() if not required),
        autoload=autoload,
    )


def _of_environment(environ: Mapping[str, str]) -> EarlyOptions:
    found = {
        name: environ.get(f"NONECORN_{name.upper()}")
        for name in ("plugin", "no_plugin", "autoload")
    }
    return _wish({name: value for name, value in found.items() if value is not None}, text=True)


def _of_source(source: Source | None) -> EarlyOptions:
    if source is None:
        return EarlyOptions()
    return _wish(source.data, text=False, base=source.base)


def _wish(data: Mapping[str, Any], *, text: bool, base: Path | None = None) -> EarlyOptions:
    tables = Tables()
    values: dict[str, Any] = {}
    for name in ("plugin", "no_plugin", "autoload"):
        option = tables.option("", name)
        assert option is not None
        if name in data:
            try:
                values[name] = decode(option, data[name], text=text)
            except ValueError:
                continue  # the same value is decoded again with the rest, and reported there
    if base is not None:
        values["plugin"] = [_local(name, base) for name in values.get("plugin", ())]
    return EarlyOptions(**values)


def _local(name: str, base: Path) -> str:
    # A plugin's file that a configuration file names lies beside that file.
    return str(base / name) if name.endswith(".py") else name


def _env_file_of(
    source: Source, early: EarlyOptions, environ: MutableMapping[str, str]
) -> dict[str, str]:
    if early.env_file or environ.get("NONECORN_ENV_FILE"):
        return {}
    return _load_env_file(source.data.get("env_file"), source.base, environ)


def _load_env_file(
    name: Any, base: Path | None, environ: MutableMapping[str, str]
) -> dict[str, str]:
    # A value that is no path is decoded again with the rest, and reported there.
    if not isinstance(name, str) or not name:
        return {}
    from nonecorn.config.env_file import load_env_file  # noqa: PLC0415  # most projects have none

    path = Path(name).expanduser()
    return load_env_file(base / path if base is not None else path, environ)
