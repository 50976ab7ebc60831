"""The entry point: every error that is a user's to mend is one line on stderr, and an exit code.

0 clean · 1 a worker failed for good, or the drain was cut · 2 usage or configuration · 3 start-up
· 130 interrupted before anything was served.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from nonecorn.cli.group import nonecorn

MAX_WIDTH = 100
"""Columns of help, however wide the terminal is."""

COMPLETION_VARIABLE = "_NONECORN_COMPLETE"


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        argv: Arguments without the program's name; by default the process's own.
    """
    code = run(argv)
    if not gc.isenabled():
        # Nothing was served: the interpreter need not look through modules for cycles as it ends,
        # which is a tenth of what `serve --help` costs.
        gc.freeze()
    sys.exit(code)


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code.
    """
    # Everything that a short command allocates lives until it ends; `serve` switches collection on.
    gc.disable()
    try:
        code = nonecorn.main(
            args=None if argv is None else list(argv),
            prog_name="nonecorn",
            complete_var=COMPLETION_VARIABLE,
            standalone_mode=False,
            terminal_width=_width(),
        )
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`nonecorn config show | head`). Nothing may be written
        # any more, not even by the interpreter as it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno != errno.EINVAL or os.name != "nt":
            raise
        return 1  # what Windows makes of a broken pipe
    except Exception as error:
        # Only what raised it can have imported the tree of errors, and `--help` should not.
        errors = sys.modules.get("nonecorn.spi.errors")
        if errors is None or not isinstance(error, errors.NonecornError):
            raise
        if isinstance(error, errors.AppLoadError) and error.__cause__ is not None:
            # The one traceback that is shown is that of the application's own code.
            import traceback  # noqa: PLC0415

            traceback.print_exception(error.__cause__)
        for line in str(error).splitlines() or [type(error).__name__]:
            click.echo(f"nonecorn: error: {line}", err=True)
        return int(error.exit_code)
    return code if isinstance(code, int) else 0


def _width() -> int:
    # As click does it, without importing shutil and every archive format with it.
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return max(min(int(columns), MAX_WIDTH) - 2, 50)
    try:
        return max(min(os.get_terminal_size().columns or 80, MAX_WIDTH) - 2, 50)
    except OSError:
        return 78
