"""A process that has imported nonecorn, and forks others which run the command.

    python forks.py DESCRIPTOR

The descriptor is a socket on which orders come, of one message each: a JSON object with the
command's `arguments`, its `directory` and its `environment`, and three descriptors: its standard
output, its standard error, and a socket on which the process's ID is told at once, and the status
that it ended with in the end. It ends with the other end of the socket of orders.

One thread and no state but modules: what an order starts is as a process that has just imported
them, and its path, arguments, environment, session and descriptors are what `python -m nonecorn`
would have found.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

LEFT_OUT = ("__main__", "testing", "gunicorn")
"""Modules that no server imports, and what changes the process by being imported."""
LARGEST = 1 << 18


def main() -> None:
    """Attend to orders; in a process forked for one, run the command."""
    del sys.path[0]  # of this file
    control = socket.socket(fileno=int(sys.argv[1]))
    preload()
    order = attend(control)
    if order is not None:
        become(order)


def preload() -> None:
    """Import what servers import: the kernel, the plugins, and what these rest on."""
    packages = [point.value.partition(".")[0] for point in entry_points(group="nonecorn.plugins")]
    names = [info.name for package in ("nonecorn", *packages) for info in modules(package)]
    for name in names:
        with contextlib.suppress(ImportError):  # of another platform, or without its extra
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is here stays, and is not looked through, nor copied for that, in each fork


def modules(package: str) -> list[pkgutil.ModuleInfo]:
    """Of a package, without those left out."""
    with contextlib.suppress(ImportError):
        found = importlib.import_module(package)
        walked = pkgutil.walk_packages(found.__path__, f"{package}.", onerror=lambda _: None)
        return [info for info in walked if not any(part in info.name for part in LEFT_OUT)]
    return []


def attend(control: socket.socket) -> dict[str, Any] | None:
    """Fork a process for each order.

    Returns:
        The order, in a process forked for it; None once nobody orders any more.
    """
    running: dict[int, socket.socket] = {}
    ends, woken = os.pipe()
    for end in (ends, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control, ends], [], [])
        if ends in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(ends, 4096)
            report(running)
        if control in ready:
            message, descriptors, _, _ = socket.recv_fds(control, LARGEST, 3)
            if not message:
                return None
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.setsid()
                for number, descriptor in enumerate(descriptors[:2], 1):
                    os.dup2(descriptor, number)
                for descriptor in (*descriptors, ends, woken):
                    os.close(descriptor)
                for each in (control, *running.values()):
                    each.close()
                return json.loads(message)
            for descriptor in descriptors[:2]:
                os.close(descriptor)
            running[pid] = socket.socket(fileno=descriptors[2])
            # Nobody else can have the ID before this process has heard of the end.
            descriptor = os.pidfd_open(pid)
            with contextlib.suppress(OSError):
                socket.send_fds(running[pid], [b"%d" % pid], [descriptor])
            os.close(descriptor)


def report(running: dict[int, socket.socket]) -> None:
    """Tell of those that have ended."""
    for pid, listener in list(running.items()):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            del running[pid]
            with listener, contextlib.suppress(OSError):
                listener.sendall(b"%d" % os.waitstatus_to_exitcode(status))


def become(order: dict[str, Any]) -> None:
    """Be what was ordered, up to its end."""
    os.chdir(order["directory"])
    os.environ.clear()
    os.environ.update(order["environment"])
    added = order["environment"].get("PYTHONPATH", "")
    directories = [str(Path(each).absolute()) for each in added.split(os.pathsep) if each]
    sys.path[:0] = [str(Path.cwd()), *directories]
    sys.argv[:] = ["nonecorn", *order["arguments"]]
    sys.orig_argv[:] = [sys.executable, "-m", *sys.argv]
    try:
        runpy.run_module("nonecorn", run_name="__main__", alter_sys=True)
    except SystemExit as raised:
        leave(raised.code)


def leave(code: Any) -> NoReturn:
    """End as an interpreter does: threads, `atexit`, garbage, output. The modules are left as they
    are: to take them down costs more than the whole of a short command.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    main()
