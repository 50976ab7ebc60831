"""What plugins find wrong with the configuration ends the command with all of it."""

from __future__ import annotations

import pytest

from nonecorn.config import load_config
from nonecorn.spi import ConfigError

PLUGIN = """
from nonecorn.spi import hookimpl

PLUGIN_API = 1

@hookimpl
def nonecorn_validate(config):
    if config.server.root_path != "/ok":
        return ["root_path must be /ok", "and a second thing"]
    return []
"""


def test_problems_that_a_plugin_finds_are_all_shown_and_name_it(tmp_path):
    plugin = tmp_path / "strict_paths.py"
    plugin.write_text(PLUGIN)
    with pytest.raises(ConfigError) as raised:
        load_config(plugin=(str(plugin),), root_path="/no")
    problems = raised.value.problems
    assert [problem.split(" (plugin")[0] for problem in problems] == [
        "root_path must be /ok",
        "and a second thing",
    ]
    assert all("strict_paths" in problem for problem in problems)


def test_a_plugin_that_finds_nothing_lets_the_configuration_through(tmp_path):
    plugin = tmp_path / "lenient_paths.py"
    plugin.write_text(PLUGIN)
    assert load_config(plugin=(str(plugin),), root_path="/ok").server.root_path == "/ok"
