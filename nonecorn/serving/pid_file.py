"""The file that names the server's process.

One that names a process which has ended is left over and is replaced. One that names a running
process is an error, and so is a file that holds anything else: it is somebody's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nonecorn.spi import StartupError


@contextmanager
def pid_file(
    path: str | None, *, owner: int | None = None, replaces: int | None = None
) -> Iterator[Callable[[], None]]:
    """Write the process ID to a file, and remove the file at the end if it is still ours.

    Args:
        path: None for no file.
        owner: User that the process is going to be: the file becomes its own.
        replaces: A running process that the file may name: the program that this one takes over
            from.

    Yields:
        What removes it, for who ends the process in another way.

    Raises:
        StartupError: It cannot be written, or is not ours to write.
    """
    if path is None:
        yield lambda: None
        return
    file = Path(path).absolute()
    own = f"{os.getpid()}\n"

    def remove() -> None:
        with suppress(OSError, ValueError):  # somebody else removed or replaced it
            if file.read_text(encoding="ascii") == own:
                try:
                    file.unlink()
                except PermissionError:
                    # A directory that only root may write, and we are not root any more.
                    os.truncate(file, 0)

    try:
        _write(file, path, own, owner, replaces)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"the PID file {path} cannot be written: {reason}"
        raise StartupError(message) from error
    try:
        yield remove
    finally:
        remove()


def _write(file: Path, path: str, own: str, owner: int | None, replaces: int | None) -> None:
    # No symbolic link: root would write, and give away, whatever somebody made it point to.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(file, flags, 0o644), "r+b") as opened:
        _check(path, opened.read(64), replaces)
        opened.seek(0)
        opened.write(own.encode("ascii"))
        opened.truncate()
        if owner is not None and sys.platform != "win32" and os.geteuid() == 0:
            os.fchown(opened.fileno(), owner, -1)


def _check(path: str, content: bytes, replaces: int | None) -> None:
    """See that what a file holds may be overwritten.

    Raises:
        StartupError: It may not.
    """
    text = content.strip()
    if not text:
        return
    if not (text.isdigit() and len(text) <= 10):
        message = f"the PID file {path} exists and holds no process ID: choose another path"
        raise StartupError(message)
    process = int(text)
    if process not in (os.getpid(), replaces) and _runs(process):
        message = (
            f"the PID file {path} names process {process}, which is running: stop it, or remove "
            "the file if that is another program"
        )
        raise StartupError(message)


def _runs(process: int) -> bool:
    if sys.platform == "win32":
        return _runs_on_windows(process)
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError) as error:
        return isinstance(error, PermissionError)
    return True


def _runs_on_windows(process: int) -> bool:
    # os.kill() would end the process there.
    import ctypes  # noqa: PLC0415  # Windows only

    synchronize, timeout = 0x00100000, 0x00000102  # SYNCHRONIZE, WAIT_TIMEOUT
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(synchronize, False, process)
    if not handle:
        return False
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == timeout)
    finally:
        kernel.CloseHandle(handle)
