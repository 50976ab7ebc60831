"""Two plugins that claim one thing: the error that names both and the way out.

Order never decides.
"""

from __future__ import annotations

from nonecorn.plugins.info import PluginInfo
from nonecorn.spi import PluginConflictError


def conflict(
    first: PluginInfo, second: PluginInfo, what: str, *, choosable: bool = False
) -> PluginConflictError:
    """The error for two claims.

    Args:
        first: One plugin.
        second: The other, or the same twice.
        what: What both do: `provide the protocol 'h2'`.
        choosable: `--plugin` can decide between them.
    """
    if first == second:
        text = (
            f"plugin {first} would {what} twice: a mistake in that plugin; "
            f"leave it out: --no-plugin {first.name}"
        )
    elif choosable:
        text = (
            f"plugins {first} and {second} both {what}; "
            f"choose one: --plugin {first.name} or --plugin {second.name}"
        )
    else:
        text = f"plugins {first} and {second} both {what}; {_leave_one_out(first, second)}"
    return PluginConflictError(text, plugin=second.name, distribution=second.label)


def same_name(rivals: list[PluginInfo]) -> PluginConflictError:
    """The error for several distributions that claim one entry-point name."""
    first, second = rivals[0], rivals[1]
    places = " and ".join(f"{rival.label} in {rival.path}" for rival in rivals)
    if any(rival.builtin for rival in rivals):
        intruder = next((rival for rival in rivals if not rival.builtin), second)
        way_out = f"the name is nonecorn's own: pip uninstall {intruder.distribution}"
    else:
        choices = " or ".join(f"pip uninstall {rival.distribution}" for rival in rivals)
        way_out = f"{choices}, or leave both out: --no-plugin {first.name}"
    message = f"plugin {first.name!r} is claimed twice, by {places}; {way_out}"
    return PluginConflictError(message, plugin=first.name, distribution=second.label)


def _leave_one_out(first: PluginInfo, second: PluginInfo) -> str:
    ways = [
        f"--no-plugin {info.name}" if info.distribution else f"no --plugin for {info.path}"
        for info in (first, second)
        if not info.builtin
    ]
    return "leave one out: " + " or ".join(ways)
