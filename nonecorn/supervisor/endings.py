"""How a process ended, in words."""

from __future__ import annotations

import signal

_HINTS = {
    "SIGKILL": ", perhaps for want of memory",
    "SIGSEGV": ": a crash in native code",
    "SIGBUS": ": a crash in native code",
    "SIGILL": ": a crash in native code",
    "SIGFPE": ": a crash in native code",
    "SIGABRT": ": native code gave up, or it was hung",
}


def ending(code: int) -> str:
    """What an exit code of `subprocess.Popen` means: `exited with 1`, `was killed by SIGTERM`."""
    if code >= 0:
        return f"exited with {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}{_HINTS.get(name, '')}"
