"""Write docs/reference/settings.md from the settings themselves.

    python scripts/generate_settings.py            write the page
    python scripts/generate_settings.py --check    exit with 1 if the committed page is another

Tables of first-party plugins are part of the page; other installed plugins are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from nonecorn.config import Option, Tables
from nonecorn.config.schema import POSITIONAL
from nonecorn.plugins import Selection, advice, load

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"

INTRODUCTION = """\
<!-- Written by scripts/generate_settings.py from the settings dataclasses. Do not edit. -->

# Settings

Every setting is a key of `nonecorn.toml`, a flag of `nonecorn serve`, an environment variable, and
a keyword of `nonecorn.run()` and `nonecorn.serve()`. [Configure](../howto/configure.md) tells how
the sources are laid over each other.

| Type | In TOML and Python | In flags and variables |
|---|---|---|
| boolean | `true` or `false` | `--x` or `--no-x`; `1 0 true false yes no on off` |
| integer, number | a number | the same |
| duration | seconds, or a text with units | `10`, `1.5`, `10s`, `500ms`, `1m30s`, `2h` |
| size | bytes, or a text with a unit | `65536`, `64KiB`, `16MiB`, `1GiB` |
| text | text | the same |
| path | text; relative to the file that names it | relative to the current directory |
| list of text | an array, or one text | the flag repeated; commas in a variable |

A setting without a default takes the empty text for "none", in every source.
"""


def render() -> str:
    """The page."""
    lines = [INTRODUCTION]
    extras = advice.extras()
    settings = [
        (info, found)
        for info, found in load(Selection()).settings()
        if info.builtin or info.name in extras
    ]
    table = None
    for heading, options in Tables(settings).sections():
        if options[0].table != table:
            table = options[0].table
            lines.append(f"## `[{table}]`\n" if table else "## Top level\n")
        if not table:
            lines.append(f"### {heading}\n")
        lines += _table(options)
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(options: list[Option]) -> Iterator[str]:
    yield "| Key | Type | Default | Flag | Variable | Meaning |"
    yield "|---|---|---|---|---|---|"
    for option in options:
        kind = f"list of {option.kind_name}" if option.many else option.kind_name
        default = option.show(option.default)
        if isinstance(option.default, bool):
            default = str(option.default).lower()
        flags = ", ".join(f"`{flag}`" for flag in (*option.flags, option.negative) if flag)
        cells = [
            f"`{option.name}`",
            kind.replace("|", ", "),
            f"`{default}`" if default else "",
            "the argument APP" if option.key == POSITIONAL else flags,
            f"`{option.env}`",
            option.info.help.replace("|", "\\|"),
        ]
        yield "| " + " | ".join(cells) + " |"


def main() -> int:
    """Write or check the page."""
    page = render()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") == page:
            return 0
        print(
            f"{PAGE} is not what the settings say: run python scripts/generate_settings.py",
            file=sys.stderr,
        )
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
