"""The standard streams at the end of a process."""

from __future__ import annotations

import contextlib
import os
import sys


def write_out() -> OSError | None:
    """Write what the standard streams hold back, or drop it where it can go nowhere any more.

    A terminal may be closed, a reader gone, a disk full. The interpreter tries again when it ends,
    and its exit code would then tell of that alone (120).

    Returns:
        Why standard output could not be written, if so.
    """
    lost = None
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # a process without a console
            continue
        try:
            stream.flush()
        except ValueError:  # the application has closed it
            continue
        except OSError as error:
            if stream is sys.stdout:
                lost = error
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
    return lost
