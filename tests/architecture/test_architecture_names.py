"""One name everywhere: plugin `h3` is `h3` in each of the dozen places that name it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
KERNEL = tomllib.loads((ROOT / "pyproject.toml").read_text())

every_plugin = pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)


def project_of(plugin: Path):
    return tomllib.loads((plugin / "pyproject.toml").read_text())


def test_plugins_were_found():
    assert {"asgi", "asyncio", "h11"} <= {plugin.name for plugin in PLUGINS}


@every_plugin
def test_distribution_and_package_carry_the_plugins_name(plugin):
    project = project_of(plugin)
    assert project["project"]["name"] == f"nonecorn-{plugin.name.replace('_', '-')}"
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [
        f"nonecorn_{plugin.name}"
    ]
    assert (plugin / f"nonecorn_{plugin.name}" / "__init__.py").is_file()


@every_plugin
def test_the_one_entry_point_is_the_descriptor(plugin):
    entry_points = project_of(plugin)["project"]["entry-points"]["nonecorn.plugins"]
    assert entry_points == {plugin.name: f"nonecorn_{plugin.name}.plugin"}


@every_plugin
def test_the_kernel_has_an_extra_of_that_name(plugin):
    extras = KERNEL["project"]["optional-dependencies"]
    name = plugin.name.replace("_", "-")
    assert extras[name] == [f"nonecorn-{name}>=1.0,<2"]
    [all_of_them] = extras["all"]
    assert name in re.findall(r"[a-z0-9-]+", all_of_them.partition("[")[2])


def test_extras_name_no_plugin_that_is_not_here():
    extras = KERNEL["project"]["optional-dependencies"]
    ours = {name for name, [first, *_] in extras.items() if first.startswith("nonecorn-")}
    assert ours == {plugin.name.replace("_", "-") for plugin in PLUGINS}
    assert set(extras) - ours == {"all", "reload", "standard", "testing"}


@every_plugin
def test_the_settings_table_is_the_plugins_name(plugin):
    for path in plugin.glob("nonecorn_*/*.py"):
        for table in re.findall(r'table: ClassVar\[str\] = "(.*)"', path.read_text()):
            assert table == plugin.name, path


@every_plugin
def test_loggers_are_the_plugins_name(plugin):
    for path in plugin.glob("nonecorn_*/*.py"):
        for logger in re.findall(r'getLogger\("(.*?)"\)', path.read_text()):
            assert logger in {f"nonecorn.{plugin.name}", "nonecorn.error"}, path


@every_plugin
def test_a_page_and_a_readme_tell_of_it(plugin):
    name = plugin.name
    page = (ROOT / "docs" / "plugins" / f"{name}.md").read_text()
    assert name in page.partition("\n")[0]
    readme = (plugin / "README.md").read_text()
    assert readme.startswith(f"# nonecorn-{name.replace('_', '-')}\n")
    assert len(readme.splitlines()) >= 10


@every_plugin
def test_it_ships_the_licence_and_its_types(plugin):
    assert (plugin / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (plugin / f"nonecorn_{plugin.name}" / "py.typed").is_file()


@every_plugin
def test_its_version_is_the_one_version(plugin):
    project = project_of(plugin)
    assert project["project"]["dynamic"] == ["version"]
    version_file = (plugin / project["tool"]["hatch"]["version"]["path"]).resolve()
    assert version_file == ROOT / KERNEL["tool"]["hatch"]["version"]["path"]
    assert {"file": "../../nonecorn/_version.py"} in project["tool"]["uv"]["cache-keys"]


def test_the_version_is_at_least_one():
    # A foreign `nonecorn` 0.18 is on the public index: below it, installers would take that.
    namespace: dict[str, str] = {}
    exec((ROOT / "nonecorn" / "_version.py").read_text(), namespace)
    assert re.fullmatch(r"[1-9]\d*\.\d+\.\d+", namespace["__version__"])


@every_plugin
def test_it_asks_for_the_kernel_by_range(plugin):
    assert "nonecorn>=1.0,<2" in project_of(plugin)["project"]["dependencies"]


@every_plugin
def test_the_tools_know_it(plugin):
    package = f"nonecorn_{plugin.name}"
    linter = KERNEL["tool"]["importlinter"]
    assert package in linter["root_packages"]
    forbidden, _, plugins_rule, _, independence = linter["contracts"]
    assert package in forbidden["forbidden_modules"]
    assert package in plugins_rule["source_modules"]
    assert package in independence["modules"]
    assert package in KERNEL["tool"]["coverage"]["run"]["source_pkgs"]
    sections = {
        section["path"]: section["name"] for section in KERNEL["tool"]["towncrier"]["section"]
    }
    assert sections[plugin.name] == f"Plugin {plugin.name}"
    assert KERNEL["tool"]["uv"]["sources"][project_of(plugin)["project"]["name"]] == {
        "workspace": True
    }


@every_plugin
def test_its_tests_have_names_of_their_own(plugin):
    # mypy and pytest know a test module by its bare name; fixtures come from nonecorn.testing.
    for path in plugin.glob("tests/**/*.py"):
        assert path.name.startswith((f"test_{plugin.name}_", "_")), path
        assert path.name != "conftest.py", path
