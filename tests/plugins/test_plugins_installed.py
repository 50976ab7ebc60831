"""What is installed: entry points, found without importing anything."""

import sys
import zipfile
from pathlib import Path

import pluggy

from nonecorn._version import __version__
from nonecorn.plugins import catalog
from nonecorn.plugins.installed import GROUP
from nonecorn.plugins.scan import ask_importlib, entry_points, scan

ROOT = Path(__file__).parents[2]


def of(name):
    return [info for info in catalog() if info.name == name]


def test_an_installed_plugin_is_listed_and_not_imported(site):
    site.plugin("mine", "raise SystemExit('imported')", version="2.1")
    [info] = of("mine")
    assert info.state == "installed"
    assert (info.distribution, info.version, info.label) == (
        "nonecorn-mine",
        "2.1",
        "nonecorn-mine 2.1",
    )
    assert info.module == "nonecorn_mine.plugin"
    assert info.path == str(site.path)
    assert not info.editable
    assert not info.builtin
    assert str(info) == "'mine' (nonecorn-mine 2.1)"
    assert "nonecorn_mine" not in sys.modules


def test_built_in_plugins_come_first_and_then_names_in_order(site):
    site.plugin("zzz")
    site.plugin("aaa")
    names = [info.name for info in catalog()]
    assert names[0] == "builtin"
    assert names[1:] == sorted(names[1:])
    assert {"aaa", "zzz"} < set(names)


def test_dashes_of_an_entry_point_are_underscores(site):
    site.plugin("two-words")
    assert [info.name for info in of("two_words")] == ["two_words"]


def test_an_editable_installation_shows_its_project(site):
    url = '{"url": "file:///home/me/my%20plugin", "dir_info": {"editable": true}}'
    site.plugin("mine", direct_url=url)
    [info] = of("mine")
    assert (info.editable, info.path) == (True, "/home/me/my plugin")


def test_an_installation_from_a_directory_that_is_not_editable_is_an_ordinary_one(site):
    site.plugin(
        "mine", direct_url='{"url": "file:///home/me/mine", "dir_info": {"editable": false}}'
    )
    [info] = of("mine")
    assert (info.editable, info.path) == (False, str(site.path))


def test_of_one_distribution_on_two_paths_the_first_counts(site, tmp_path, monkeypatch):
    site.plugin("mine", version="1.0")
    hidden = type(site)(tmp_path / "hidden")
    hidden.plugin("mine", version="0.9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(hidden.path)])
    assert [info.version for info in of("mine")] == ["1.0"]


def test_two_distributions_that_claim_one_name_are_both_listed(site):
    site.plugin("mine")
    site.plugin("mine", distribution="other", package="other")
    assert [info.distribution for info in of("mine")] == ["nonecorn-mine", "other"]


def test_the_scan_sees_what_importlib_sees(site, tmp_path, monkeypatch):
    site.plugin("mine")
    site.plugin("two-words", version="1.0.post1+local.2")
    info = site.distribution("Dotted.Name", {"dotted": "dotted.plugin [extra]"})
    (info / "entry_points.txt").write_text(
        "# comment\n[console_scripts]\nmine = a:b\n\n[nonecorn.plugins]\n# another\n"
        "dotted=dotted.plugin [extra]\n  spaced   =   dotted.spaced\n[other]\nx = y\n"
    )
    egg = site.path / "Legacy_Thing-3.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Name: Legacy-Thing\nVersion: 3\n")
    (egg / "entry_points.txt").write_text("[nonecorn.plugins]\nlegacy = legacy.plugin\n")
    (site.path / "without_entry_points-1.dist-info").mkdir()
    hidden = type(site)(tmp_path / "hidden")
    hidden.plugin("mine", version="0.9")
    hidden.plugin("elsewhere")
    missing = tmp_path / "missing"
    monkeypatch.setattr(sys, "path", [*sys.path, str(missing), str(hidden.path), ""])
    found = scan(GROUP)
    assert found is not None
    assert sorted(found) == sorted(ask_importlib(GROUP))
    names = {point.name for point in found}
    assert {"mine", "two-words", "dotted", "spaced", "legacy", "elsewhere", "h11"} <= names


def test_plugins_in_a_zip_archive_are_found_by_importlib(site, tmp_path, monkeypatch):
    site.plugin("zipped")
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in site.path.rglob("*"):
            file.write(path, path.relative_to(site.path))
    others = [path for path in sys.path if path != str(site.path)]
    monkeypatch.setattr(sys, "path", [str(archive), *others])
    assert scan(GROUP) is None
    assert "zipped" in {point.name for point in entry_points(GROUP)}


def test_a_finder_with_distributions_of_its_own_is_asked_by_importlib(monkeypatch):
    class Finder:
        @staticmethod
        def find_spec(_name, _path=None, _target=None):
            return None

        @staticmethod
        def find_distributions(_context=None):
            return []

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    assert scan(GROUP) is None


def test_the_built_in_plugin_is_found_in_a_source_tree_without_metadata(site):
    # -S: no site-packages, so no metadata and no plugin; pluggy is all that the loader needs.
    libraries = site.path / "libraries"
    libraries.mkdir()
    (libraries / "pluggy").symlink_to(Path(pluggy.__file__).parent)
    code = """
        import subprocess, sys
        inner = "from nonecorn.plugins import load; print(*load().infos, sep='|')"
        subprocess.run([sys.executable, "-S", "-c", inner], check=True)
    """
    said = site.python(code, ROOT, libraries)
    assert said.strip() == f"'builtin' (nonecorn {__version__})"


def test_listing_loads_neither_importlib_metadata_nor_any_plugin(site):
    site.plugin("mine")
    code = """
        import sys
        from nonecorn.plugins import catalog
        assert "mine" in {info.name for info in catalog()}
        heavy = {"importlib.metadata", "email", "asyncio", "ssl", "pluggy", "click"}
        plugins = [name for name in sys.modules if name.startswith("nonecorn_")]
        print(sorted(heavy & set(sys.modules)), plugins)
    """
    assert site.python(code).strip() == "[] []"
