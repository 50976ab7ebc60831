"""Sphinx configuration: furo, Markdown by MyST, reference pages by autodoc.

Builds are nitpicky and every warning is an error. No inventory is fetched from anywhere, so names
of the standard library and of other packages are known to be unresolvable, and only those.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from nonecorn._version import __version__  # noqa: E402  # found by the line above

project = "nonecorn"
author = "the nonecorn authors"
project_copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"nonecorn {release}"
html_show_sphinx = False
default_role = "code"
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {
    name: f"nonecorn.spi.{name}"
    for name in ("ASGIApp", "Header", "Headers", "Message", "Receive", "Scope", "Send")
}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

_FOREIGN = ["click", "h11", "httptools", "pluggy", "pytest", "trio", "uvloop"]
_UNRESOLVABLE = "|".join(re.escape(name) for name in [*sys.stdlib_module_names, *_FOREIGN])
nitpick_ignore_regex = [
    (r"py:.*", rf"({_UNRESOLVABLE})(\..*)?"),
    # Type variables, and what Python prints of private and aliased names.
    (r"py:.*", r"(nonecorn\..*\.)?([A-Z][a-z]*_(co|contra)|[A-Z]|Address)"),
    (r"py:class", r"TypeAliasForwardRef"),  # Sphinx's own name for an alias within a union
    (r"py:.*", r".*\._[a-z].*"),
    # Described in prose, where configuration and plans are.
    (r"py:.*", r"Config|ConfigDraft|Plan"),
    (r"py:.*", r"SearchStrategy|tuple\[int"),
]


COLON = "\ue000"


def _literal_blocks(
    _app: Any, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Show an indented block of a docstring as it stands, as Markdown does."""
    if what in {"attribute", "data", "property"}:
        # napoleon would read `type: text` in their first line.
        lines[:] = [line.replace(":", COLON) for line in lines]
        return
    result: list[str] = []
    inside: int | None = None  # indentation of the block that is being copied
    before = 0  # indentation of the last line of text
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            result.append(line)
            continue
        if inside is not None and indent < inside:
            inside = None
        if inside is None:
            if result and not result[-1].strip() and indent >= before + 4:
                inside = indent
                result += [" " * before + "::", ""]
            else:
                before = indent
        result.append(line)
    lines[:] = result


def _colons(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Undo what was hidden from napoleon."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def setup(app: Any) -> None:
    """Run around napoleon, whose sections have no blank line before their indented text."""
    app.connect("autodoc-process-docstring", _literal_blocks, priority=400)
    app.connect("autodoc-process-docstring", _colons, priority=600)
