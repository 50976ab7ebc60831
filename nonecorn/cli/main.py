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

from nonecorn._output import write_out
from nonecorn.cli.group import nonecorn

MAX_WIDTH = 100
"""Columns of help, however wide the terminal is."""

COMPLETION_VARIABLE = "_NONECORN_COMPLETE"

_UNWRITABLE = (errno.EPIPE, errno.EIO, errno.ENOSPC, *([errno.EINVAL] if os.name == "nt" else ()))
"""What writing to a reader, terminal or disk that has had enough fails with; Windows says EINVAL
for a broken pipe.
"""


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
        lost = write_out()
        if isinstance(code, int):
            return code  # of a server; what its application had to say is another matter
        if lost is not None:
            raise lost
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        # The reader of our output may have gone (`nonecorn config show | head`): nothing may be
        # written any more, not even by the interpreter as it flushes at exit.
        write_out()
        if error.errno in (errno.EIO, errno.ENOSPC):
            reason = (error.strerror or str(error)).lower()
            click.echo(f"nonecorn: error: the output cannot be written: {reason}", err=True)
        return 1
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
    return 0


def _width() -> int:
    # As click does it, without importing shutil and every archive format with it.
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return max(min(int(columns), MAX_WIDTH) - 2, 50)
    try:
        return max(min(os.get_terminal_size().columns or 80, MAX_WIDTH) - 2, 50)
    except OSError:
        return 78
