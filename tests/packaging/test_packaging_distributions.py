"""What installers and `pip check` read of our distributions."""

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
DISTRIBUTIONS = ["nonecorn", *(f"nonecorn-{name.replace('_', '-')}" for name in PLUGINS)]

every_distribution = pytest.mark.parametrize("name", DISTRIBUTIONS)


def requirements_of(name: str) -> list[Requirement]:
    return [Requirement(text) for text in importlib.metadata.requires(name) or ()]


def test_the_installed_kernel_is_this_one():
    kernel = importlib.metadata.distribution("nonecorn")
    assert kernel.metadata["Summary"].startswith("A plugin-based server")
    scripts = {entry.name: entry.value for entry in kernel.entry_points}
    assert scripts == {"nonecorn": "nonecorn.__main__:main", "builtin": "nonecorn.builtin.plugin"}


@every_distribution
def test_all_share_one_version(name):
    assert importlib.metadata.version(name) == importlib.metadata.version("nonecorn")


@every_distribution
def test_ours_ask_for_ours_by_range_that_this_version_meets(name):
    # Never below 1.0, where another project's nonecorn lies; never pinned, as no third party is.
    for requirement in requirements_of(name):
        if requirement.name.startswith("nonecorn") and not requirement.extras:
            assert str(requirement.specifier) == "<2,>=1.0", requirement
            assert requirement.specifier.contains(importlib.metadata.version("nonecorn"))


@every_distribution
def test_what_it_requires_is_installed_in_a_version_it_allows(name):
    for requirement in requirements_of(name):
        extras = [""] if name != "nonecorn" else ["", "all", "testing"]
        if any(
            requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            for extra in extras
        ):
            version = importlib.metadata.version(requirement.name)
            assert requirement.specifier.contains(version, prereleases=True), requirement


@every_distribution
def test_it_can_be_found_by_who_looks_for_plugins(name):
    metadata = importlib.metadata.metadata(name)
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    if name != "nonecorn":
        assert "nonecorn-plugin" in metadata["Keywords"].split(",")


def test_a_bare_install_serves_asgi_over_http_1_1():
    always = {r.name for r in requirements_of("nonecorn") if r.marker is None}
    assert always == {"click", "pluggy", "nonecorn-asgi", "nonecorn-asyncio", "nonecorn-h11"}
