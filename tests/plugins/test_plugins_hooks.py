"""Hook specifications, facade and reference say the same."""

import inspect
import re
from pathlib import Path

import pytest

from nonecorn import hookspecs
from nonecorn.plugins import Selection, load
from nonecorn.plugins.hooks import KINDS, Hooks

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs/reference/hooks.md").read_text()
SPECS = {
    name: function
    for name, function in vars(hookspecs).items()
    if name.startswith("nonecorn_") and inspect.isfunction(function)
}
every_hook = pytest.mark.parametrize("name", SPECS)


def test_there_are_hooks():
    assert {"nonecorn_settings", "nonecorn_protocols", "nonecorn_report"} <= set(SPECS)


@every_hook
def test_the_facade_has_a_method_with_the_hooks_parameters(name):
    method = getattr(Hooks, name.removeprefix("nonecorn_"))
    _, *parameters = inspect.signature(method).parameters.values()
    expected = inspect.signature(SPECS[name]).parameters.values()
    assert [(p.name, p.annotation) for p in parameters] == [
        (p.name, p.annotation) for p in expected
    ]


def test_the_facade_has_no_other_method():
    methods = {
        name
        for name, member in vars(Hooks).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    assert {f"nonecorn_{name}" for name in methods} == set(SPECS)


@every_hook
def test_the_reference_has_a_section_with_the_hooks_own_signature_and_text(name):
    directive = f".. autofunction:: nonecorn.hookspecs.{name}"
    start = f"### `{name}`\n\n```{{eval-rst}}\n{directive}\n```\n\n"
    assert REFERENCE.count(start) == 1
    assert REFERENCE.partition(start)[2].lstrip()[:1] not in ("", "#")


def test_the_reference_has_the_hooks_in_the_order_of_the_specifications_and_no_other():
    assert re.findall(r"^### `(nonecorn_\w+)`", REFERENCE, re.MULTILINE) == list(SPECS)


@every_hook
def test_every_hook_is_documented_where_it_is_specified(name):
    assert SPECS[name].__doc__


def test_every_hook_that_describes_something_has_a_kind():
    about_a_run = {"nonecorn_configure", "nonecorn_validate", "nonecorn_report"}
    assert set(KINDS) == set(SPECS) - about_a_run


def test_only_the_facade_touches_pluggys_relay():
    users = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nonecorn").rglob("*.py")
        if re.search(r"\.hook\b|\bPluginManager\b", path.read_text())
    }
    assert users == {"nonecorn/plugins/hooks.py"}


def test_a_change_in_configure_is_recorded_as_the_plugins(site):
    from nonecorn.config import prepare

    site.plugin(
        "mine", "@hookimpl\ndef nonecorn_configure(draft): draft.set('', 'root_path', '/mine')"
    )
    plugins, config = prepare({"plugin": ["mine"]}, environ={})
    assert config.server.root_path == "/mine"
    assert config.origin("", "root_path") == "plugin mine"
    assert plugins.required == ("mine",)


def test_a_problem_that_configure_raises_is_the_users_to_mend(site):
    from nonecorn.config import prepare
    from nonecorn.spi import ConfigError

    site.plugin("mine", "@hookimpl\ndef nonecorn_configure(draft): raise ConfigError('mend it')")
    with pytest.raises(ConfigError, match="mend it"):
        prepare({"plugin": ["mine"]}, environ={})


def test_the_facade_shows_whose_hooks_it_has():
    hooks = load(Selection(autoload=False)).hooks
    assert repr(hooks) == "<Hooks builtin>"
    assert repr(Hooks([])) == "<Hooks of no plugin>"
