"""The loader: names before imports, one name once, the API before the hooks."""

import logging
import sys

import pytest

from nonecorn._version import __version__
from nonecorn.plugins import Selection, load
from nonecorn.spi import (
    ApiMismatchError,
    BadSpecError,
    PluginConflictError,
    PluginError,
    PluginLoadError,
    PluginNotFoundError,
)

OBSERVERS = """
@hookimpl
def nonecorn_observers():
    return [ObserverSpec(name="mine", observer=Ref("nonecorn_mine._observer:make"))]
"""


def info(plugins, name):
    found = plugins.info(name)
    assert found is not None
    return found


def only(*required, blocked=()):
    """A selection without the plugins of this project's own environment."""
    return Selection(required=required, blocked=blocked, autoload=False)


def test_every_installed_plugin_is_loaded(site):
    site.plugin("mine", OBSERVERS)
    plugins = load()
    mine = info(plugins, "mine")
    assert (mine.state, mine.api, mine.kinds) == ("loaded", 1, ("observer",))
    assert info(plugins, "h11").state == "loaded"
    assert [entry.spec.name for entry in plugins.registry().observers] == ["access_log", "mine"]
    assert "mine:loaded" in repr(plugins)
    assert " mine " in repr(plugins.hooks)


def test_loading_imports_descriptors_and_settings_alone(site):
    site.plugin("mine", OBSERVERS)
    code = """
        import sys
        from nonecorn.plugins import load
        plugins = load()
        plugins.registry(), plugins.settings(), plugins.commands()
        thin = ("", "plugin", "_settings")
        loaded = [name for name in sys.modules if name.startswith("nonecorn_")]
        assert "nonecorn_mine.plugin" in loaded
        heavy = {"asyncio", "ssl", "importlib.metadata", "click"}
        heavy |= {"h11", "httptools", "trio", "uvloop"}
        inner = [name for name in loaded if name.partition(".")[2] not in thin]
        print(inner, heavy & set(sys.modules))
    """
    assert site.python(code).strip() == "[] set()"


def test_a_blocked_plugin_is_never_imported(site):
    site.plugin("mine", "raise SystemExit('imported')")
    assert info(load(Selection(blocked=("mine",))), "mine").state == "blocked"
    assert "nonecorn_mine.plugin" not in sys.modules


def test_a_name_may_be_blocked_with_a_dash(site):
    site.plugin("two_words", "raise SystemExit('imported')")
    assert info(load(Selection(blocked=("two-words",))), "two-words").state == "blocked"


def test_blocking_what_is_not_installed_is_no_error():
    load(only(blocked=("nothing_of_that_name",)))


def test_without_autoload_only_required_and_built_in_plugins_are_loaded(site):
    site.plugin("mine")
    site.plugin("other", "raise SystemExit('imported')")
    plugins = load(only("mine"))
    assert {i.name for i in plugins.infos if i.state == "loaded"} == {"builtin", "mine"}
    assert info(plugins, "other").state == "installed"
    assert plugins.required == ("mine",)


def test_a_plugin_required_twice_is_required_once(site):
    site.plugin("two_words")
    assert load(only("two-words", "two_words")).required == ("two_words",)


# Missing


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("no_such_thing", "pip install nonecorn-no-such-thing"),
        ("reload", 'pip install "nonecorn[reload]"'),
        ("standard", 'pip install "nonecorn[standard]"'),
    ],
)
def test_a_missing_plugin_is_named_with_what_installs_it(name, command):
    with pytest.raises(PluginNotFoundError) as caught:
        load(only(name))
    assert str(caught.value).startswith(f"plugin {name!r} is not installed: {command}")
    assert caught.value.plugin == name
    assert caught.value.exit_code == 3


def test_a_misspelt_plugin_is_met_with_the_right_one(site):
    site.plugin("squeezer")
    with pytest.raises(PluginNotFoundError, match="did you mean 'squeezer'"):
        load(only("squeeze"))


def test_a_plugin_that_is_required_and_blocked_is_a_contradiction(site):
    site.plugin("mine")
    with pytest.raises(PluginConflictError, match="both --plugin and --no-plugin"):
        load(only("mine", blocked=("mine",)))


def test_a_built_in_plugin_cannot_be_blocked():
    with pytest.raises(PluginError, match="part of nonecorn and cannot be left out"):
        load(only(blocked=("builtin",)))


# One name, two distributions


def test_two_distributions_with_one_name_are_named_with_the_ways_out(site):
    site.plugin("mine")
    site.plugin("mine", distribution="acme-http", version="2.5", package="acme")
    with pytest.raises(PluginConflictError) as caught:
        load(only("mine"))
    message = str(caught.value)
    assert f"acme-http 2.5 in {site.path} and nonecorn-mine 1.0 in {site.path}" in message
    for way_out in ("pip uninstall acme-http", "pip uninstall nonecorn-mine", "--no-plugin mine"):
        assert way_out in message


def test_a_conflict_of_plugins_that_are_not_loaded_harms_nobody(site):
    site.plugin("mine")
    site.plugin("mine", distribution="acme", package="acme")
    assert load(only()).info("mine").state == "installed"
    plugins = load(Selection(blocked=("mine",)))
    assert [i.state for i in plugins.infos if i.name == "mine"] == ["blocked", "blocked"]


def test_nobody_takes_a_built_in_name(site):
    site.plugin("builtin", distribution="intruder")
    with pytest.raises(PluginConflictError, match="nonecorn's own: pip uninstall intruder"):
        load(only())


# API


@pytest.mark.parametrize(
    ("head", "advice"),
    [
        ("PLUGIN_API = 2\n", "written for plugin API 2, .* pip install --upgrade nonecorn, or"),
        (
            "PLUGIN_API = 0\n",
            "written for plugin API 0, .* pip install --upgrade nonecorn-mine, or",
        ),
        ("", "states no PLUGIN_API; .* write `PLUGIN_API = 1` in nonecorn_mine.plugin, or"),
        ("PLUGIN_API = '1'\n", "states PLUGIN_API = '1'; .* write `PLUGIN_API = 1`"),
    ],
)
def test_another_api_is_refused_with_the_command_that_helps(site, head, advice):
    site.plugin(
        "mine", "from nonecorn.spi import hookimpl\n@hookimpl\ndef nonecorn_x(): pass", head=head
    )
    with pytest.raises(ApiMismatchError, match=advice) as caught:
        load(only("mine"))
    message = str(caught.value)
    assert "'mine' (nonecorn-mine 1.0)" in message
    assert f"nonecorn {__version__} offers 1" in message
    assert message.endswith("leave it out: --no-plugin mine")
    assert caught.value.distribution == "nonecorn-mine 1.0"


# Broken


def test_a_plugin_that_cannot_be_imported_is_broken_and_the_rest_is_not(site, caplog):
    site.plugin("mine", "import a_library_that_is_not_there")
    with caplog.at_level(logging.WARNING):
        plugins = load()
    mine = info(plugins, "mine")
    assert mine.state == "broken"
    assert "No module named 'a_library_that_is_not_there'" in mine.error
    [record] = caplog.records
    assert record.getMessage() == mine.error
    assert "'mine' (nonecorn-mine 1.0)" in mine.error
    assert "--no-plugin mine" in mine.error
    assert info(plugins, "h11").state == "loaded"


@pytest.mark.parametrize("body", ["1 / 0", "raise SyntaxError('bad')", "def"])
def test_a_required_plugin_that_cannot_be_imported_ends_the_start(site, body):
    site.plugin("mine", body)
    with pytest.raises(PluginLoadError, match=r"nonecorn_mine.plugin cannot be imported") as caught:
        load(only("mine"))
    assert caught.value.__cause__ is not None
    assert "\n" not in str(caught.value)


# Hooks


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("@hookimpl\ndef nonecorn_observer(): ...", "did you mean 'nonecorn_observers'"),
        ("@hookimpl\ndef nonecorn_report(confg): ...", "confg"),
        (
            "@hookimpl(wrapper=True)\ndef nonecorn_report():\n    return (yield)",
            "cannot be wrapped",
        ),
        ("@hookimpl(hookwrapper=True)\ndef nonecorn_report():\n    yield", "cannot be wrapped"),
    ],
)
def test_an_implementation_that_fits_no_hook_is_refused(site, body, problem):
    site.plugin("mine", body)
    with pytest.raises(BadSpecError, match=problem) as caught:
        load(only("mine"))
    assert "'mine' (nonecorn-mine 1.0)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_optional_hook_of_a_later_kernel_is_passed_over(site):
    site.plugin("mine", "@hookimpl(optionalhook=True)\ndef nonecorn_of_the_future(): ...")
    assert info(load(only("mine")), "mine").state == "loaded"


def test_an_implementation_may_have_a_name_of_its_own(site):
    site.plugin(
        "mine", "@hookimpl(specname='nonecorn_report')\ndef lines(config): return ['hello']"
    )
    plugins = load(only("mine"))
    assert plugins.hooks.report(None) == [(info(plugins, "mine"), ("hello",))]


def test_hooks_are_called_in_order_of_names_whatever_the_distributions(site):
    report = "@hookimpl{}\ndef nonecorn_report(config): return [{!r}]"
    site.plugin("aaa", report.format("(trylast=True)", "a"), distribution="zzz")
    site.plugin("bbb", report.format("", "b"), distribution="yyy")
    site.plugin("ccc", report.format("", "c"), distribution="xxx")
    site.plugin("ddd", report.format("(tryfirst=True)", "d"), distribution="www")
    plugins = load(only("ccc", "aaa", "ddd", "bbb"))
    assert [line for _, (line,) in plugins.hooks.report(None)] == ["d", "b", "c", "a"]


def test_a_hook_that_raises_names_its_plugin(site):
    site.plugin("mine", "@hookimpl\ndef nonecorn_report(config):\n    return {}['key']")
    with pytest.raises(
        PluginLoadError, match=r"'mine' \(nonecorn-mine 1.0\): nonecorn_report failed"
    ):
        load(only("mine")).hooks.report(None)


def test_lines_may_come_from_a_generator_which_may_raise(site):
    site.plugin("aaa", "@hookimpl\ndef nonecorn_report(config):\n    yield 'a'\n    yield 'b'")
    assert load(only("aaa")).hooks.report(None)[0][1] == ("a", "b")
    site.plugin("mine", "@hookimpl\ndef nonecorn_report(config):\n    yield 1 / 0")
    with pytest.raises(PluginLoadError, match="nonecorn_report failed: ZeroDivisionError"):
        load(only("mine")).hooks.report(None)


def test_a_result_of_none_means_nothing(site):
    site.plugin("mine", "@hookimpl\ndef nonecorn_report(config): return None")
    assert load(only("mine")).hooks.report(None) == []


# Local plugins


LOCAL = """
from nonecorn.spi import *
PLUGIN_API = 1
@hookimpl
def nonecorn_report(config): return ['local']
"""


def test_a_file_is_a_plugin(site, tmp_path):
    other = type(site)(tmp_path / "elsewhere")
    path = other.module("local_file.py", LOCAL)
    site.modules |= other.modules
    plugins = load(only(str(path)))
    found = info(plugins, "local_file")
    assert (found.state, found.distribution, found.path) == ("loaded", "", str(path))
    assert found.label == str(path)
    assert plugins.required == ("local_file",)
    assert plugins.hooks.report(None) == [(found, ("local",))]


def test_a_file_may_be_given_relative_to_the_current_directory(site):
    site.module("local_relative.py", LOCAL)
    assert info(load(only("./local_relative.py")), "local_relative").state == "loaded"


def test_a_reference_into_a_file_resolves(site):
    body = "def make(context): ...\n@hookimpl\ndef nonecorn_observers():\n"
    spec = "    return [ObserverSpec(name='x', observer=Ref('local_reference:make'))]\n"
    site.module("local_reference.py", LOCAL + body + spec)
    [*_, entry] = load(only("./local_reference.py")).registry().observers
    assert entry.spec.observer.load().__name__ == "make"


def test_a_dotted_module_is_a_plugin(site):
    site.module("local_package/__init__.py", "")
    site.module("local_package/tools.py", LOCAL)
    plugins = load(only("local_package.tools"))
    assert info(plugins, "local_package.tools").state == "loaded"
    assert plugins.required == ("local_package.tools",)


def test_a_dotted_module_is_found_in_the_current_directory(site):
    site.module("local_here/__init__.py", "")
    site.module("local_here/tools.py", LOCAL)
    code = """
        import sys
        sys.path[:] = [path for path in sys.path if path not in ("", {!r})]
        from nonecorn.plugins import Selection, load
        print(load(Selection(required=("local_here.tools",), autoload=False)).required)
    """
    assert site.python(code.format(str(site.path))).strip() == "('local_here.tools',)"


def test_the_descriptor_of_an_installed_plugin_by_module_is_that_plugin(site):
    site.plugin("mine")
    plugins = load(only("nonecorn_mine.plugin"))
    assert plugins.required == ("mine",)
    assert info(plugins, "mine").distribution == "nonecorn-mine"


@pytest.mark.parametrize(
    ("name", "error", "problem"),
    [
        ("./not_there.py", PluginNotFoundError, "plugin file ./not_there.py does not exist"),
        ("./not-a-name.py", PluginLoadError, "cannot be imported as a module"),
        ("./json.py", PluginLoadError, "is hidden by the module .*json.*: rename it"),
        ("./sys.py", PluginLoadError, "is hidden by the module built into Python"),
        ("./raising.py", PluginLoadError, "raising cannot be imported: ZeroDivisionError"),
        ("not_there.at_all", PluginLoadError, "No module named 'not_there'"),
        ("./no_api.py", ApiMismatchError, "states no PLUGIN_API.*write `PLUGIN_API = 1` in no_api"),
        ("./old_api.py", ApiMismatchError, "written for plugin API 0.*: adapt old_api"),
        ("./h11.py", PluginConflictError, "have the name 'h11'; leave one out: --no-plugin h11"),
    ],
)
def test_a_local_plugin_that_cannot_be_used_says_why(site, name, error, problem):
    for stem in ("not-a-name", "json", "sys", "h11"):
        (site.path / f"{stem}.py").write_text(LOCAL)
    site.module("raising.py", "1 / 0")
    site.module("no_api.py", "x = 1")
    site.module("old_api.py", "PLUGIN_API = 0")
    sys.path.remove(str(site.path))
    with pytest.raises(error, match=problem) as caught:
        load(only(name))
    assert "\n" not in str(caught.value)


# Lenient


def test_a_listing_has_every_plugin_whatever_is_wrong_with_it(site, caplog):
    site.plugin("good", OBSERVERS)
    site.plugin("import_error", "import a_library_that_is_not_there")
    site.plugin("old", head="PLUGIN_API = 0\n")
    site.plugin("odd", "@hookimpl\ndef nonecorn_odd(): ...")
    site.plugin("twice")
    site.plugin("twice", distribution="acme", package="acme")
    selection = Selection(required=("missing", "import_error"), blocked=("builtin", "trio"))
    plugins = load(selection, lenient=True)
    states = {i.name: i.state for i in plugins.infos}
    broken = {name for name, state in states.items() if state == "broken"}
    assert broken == {"builtin", "import_error", "missing", "odd", "old", "twice"}
    assert (states["good"], states["trio"]) == ("loaded", "blocked")
    assert all(i.error for i in plugins.infos if i.state == "broken")
    assert caplog.records == []
