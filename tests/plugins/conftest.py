"""Throwaway distributions: a directory as pip leaves it, on `sys.path` for the length of a test."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.e2e import forked

HEAD = "from nonecorn.spi import *\n\nPLUGIN_API = 1\n\n"


class Site:
    """A directory of installed distributions.

    Args:
        path: The directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.modules: set[str] = set()

    def __repr__(self) -> str:
        return f"<Site {self.path}>"

    def plugin(
        self,
        name: str,
        body: str = "",
        *,
        distribution: str | None = None,
        version: str = "1.0",
        head: str = HEAD,
        package: str | None = None,
        metadata: str = "",
        direct_url: str | None = None,
    ) -> None:
        """Install a distribution with one plugin, whose descriptor is `head` and `body`."""
        package = package or f"nonecorn_{name.replace('-', '_')}"
        self.module(f"{package}/__init__.py", "")
        self.module(f"{package}/plugin.py", head + textwrap.dedent(body))
        self.distribution(
            distribution or f"nonecorn-{name}",
            {name: f"{package}.plugin"},
            version=version,
            metadata=metadata,
            direct_url=direct_url,
        )

    def distribution(
        self,
        name: str,
        entry_points: dict[str, str],
        *,
        version: str = "1.0",
        metadata: str = "",
        direct_url: str | None = None,
    ) -> Path:
        """Write the metadata of a distribution."""
        info = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}"
        (info / "METADATA").write_text(lines)
        points = "".join(f"{point} = {value}\n" for point, value in entry_points.items())
        (info / "entry_points.txt").write_text(f"[nonecorn.plugins]\n{points}")
        if direct_url is not None:
            (info / "direct_url.json").write_text(direct_url)
        return info

    def module(self, path: str, text: str) -> Path:
        """Write a module."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.modules.add(path.partition("/")[0].removesuffix(".py"))
        return file

    def environment(self, *more: Path) -> dict[str, str]:
        """The environment of a process that has this directory, and others, on its path."""
        environ = {key: value for key, value in os.environ.items() if "NONECORN" not in key}
        return environ | {"PYTHONPATH": os.pathsep.join(map(str, (self.path, *more)))}

    def python(self, code: str, *more: Path) -> str:
        """Run code in a fresh interpreter.

        Returns:
            What it printed.
        """
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
            env=self.environment(*more),
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def nonecorn(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command.

        Returns:
            Exit code, standard output, standard error.
        """
        done = forked.run(*arguments, cwd=self.path, env=self.environment())
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty directory for distributions, on this process's `sys.path` too."""
    made = Site(tmp_path / "site")
    made.path.mkdir()
    monkeypatch.syspath_prepend(made.path)
    monkeypatch.chdir(made.path)
    yield made
    for name in list(sys.modules):
        if name.partition(".")[0] in made.modules:
            del sys.modules[name]
