"""A new interpreter for a worker, with its end of the channel.

A fresh process each time, never a fork of this one and nothing of `multiprocessing`: whatever a
worker imports it imports itself, so that a new generation has new code, and it may start processes
of its own. Every descriptor but those named here is closed in it.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping

from nonecorn.supervisor.channel import Channel
from nonecorn.supervisor.interpreter import worker_command


def spawn(
    *,
    label: str,
    descriptors: Iterable[int],
    environ: Mapping[str, str],
    directory: str,
) -> tuple[subprocess.Popen[bytes], Channel]:
    """Start a worker's interpreter.

    Args:
        label: What `ps` shows beside the command.
        descriptors: Listening sockets that it inherits, on POSIX.
        environ: Its environment.
        directory: Where it starts.

    Returns:
        The process and our end of its channel.

    Raises:
        OSError: The system has no room for another process, or no descriptor.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            if sys.platform == "win32":
                process = _spawn_on_windows(theirs, label, environ, directory)
            else:
                with _signals_blocked():
                    process = subprocess.Popen(  # noqa: S603  # this Python
                        worker_command(str(theirs.fileno()), label),
                        pass_fds=(theirs.fileno(), *descriptors),
                        env=environ,
                        cwd=directory,
                    )
    except BaseException:
        ours.close()
        raise
    return process, Channel(ours)


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """A child that starts meanwhile is spared them until it has handlers of its own.

    A Ctrl+C in the terminal reaches every process of the group; one that is only starting would
    die of it with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked_at_start())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def blocked_at_start() -> set[signal.Signals]:
    """Signals that a worker finds blocked; none on Windows."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU")
    return {signal.Signals[name] for name in names if name in signal.Signals.__members__}


def _spawn_on_windows(
    theirs: socket.socket, label: str, environ: Mapping[str, str], directory: str
) -> subprocess.Popen[bytes]:
    """There a socket is passed to a process that runs already, through its standard input."""
    process = subprocess.Popen(  # noqa: S603  # this Python
        worker_command("-", label),
        stdin=subprocess.PIPE,
        env=environ,
        cwd=directory,
        # Ctrl+C in the console is for the supervisor alone.
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    assert process.stdin is not None
    try:
        shared: bytes = theirs.share(process.pid)  # type: ignore[attr-defined,unused-ignore]
        with process.stdin:
            process.stdin.write(struct.pack("!I", len(shared)) + shared)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process
