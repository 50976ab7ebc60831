"""Unix listeners: `unix:PATH`, and on Linux `unix:@NAME` for the abstract namespace.

A socket file that an earlier server left behind is removed, but only after a connection to it was
refused: one that somebody serves, and any other kind of file, is never touched.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from pathlib import Path

from nonecorn.builtin.sockets.address import display
from nonecorn.builtin.sockets.failures import reason
from nonecorn.spi import BindError, BindRequest, Bound, ConfigError

_PREFIX = "unix:"
_IN_USE = "another program serves it: choose another path, or stop it"


def bind(request: BindRequest) -> list[Bound]:
    """Bind and listen on a unix socket.

    Raises:
        ConfigError: No path is given, or this platform has no such sockets.
        BindError: The path is in use or cannot be used.
    """
    address = request.address
    path = address.removeprefix(_PREFIX)
    if not path or path == "@" or "\0" in path:
        message = f"bind {address!r}: write unix:PATH, as in 'unix:/run/app.sock'"
        raise ConfigError(message)
    if not hasattr(socket, "AF_UNIX"):
        message = f"bind {address!r}: this platform has no unix sockets; bind HOST:PORT"
        raise ConfigError(message)
    abstract = path.startswith("@")
    if abstract and sys.platform != "linux":
        message = f"bind {address!r}: only Linux has abstract sockets; 'unix:./{path}' is a file"
        raise ConfigError(message)
    if not abstract:
        _remove_stale(address, path)
    sock = _listen(address, f"\0{path[1:]}" if abstract else path, request.backlog)
    unlink = "" if abstract else str(Path(path).absolute())
    return [Bound(sock=sock, display=display(sock), unlink=unlink)]


def _remove_stale(address: str, path: str) -> None:
    try:
        mode = Path(path).lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _error(address, path, error) from error
    if not stat.S_ISSOCK(mode):
        raise _refusal(address, f"{path} exists and is no socket: remove it or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        code = probe.connect_ex(path)
    if code == errno.ENOENT:
        return
    if code == errno.EACCES:
        text = f"no permission to ask whether {path} is served: remove it or choose another path"
        raise _refusal(address, text)
    if code != errno.ECONNREFUSED:
        # Also EAGAIN, a listener with a full queue, and EPROTOTYPE, a datagram socket.
        raise _refusal(address, _IN_USE)
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        text = f"{path} is left over and cannot be removed ({reason(error)}): remove it"
        raise _refusal(address, text) from error


def _listen(address: str, name: str, backlog: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(name)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise _error(address, name, error) from error
    return sock


def _error(address: str, path: str, error: OSError) -> BindError:
    directory = Path(path).parent
    match error.errno:
        case None | errno.ENAMETOOLONG:
            # None: Python itself refuses what does not fit into a sockaddr_un.
            size = len(os.fsencode(path))
            text = f"the path's {size} bytes are more than the system allows: choose a shorter one"
        case errno.EADDRINUSE:
            text = _IN_USE
        case errno.ENOENT:
            text = f"the directory {directory} does not exist: create it"
        case errno.ENOTDIR:
            text = f"{directory} is no directory: choose another path"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            text = f"no permission to create a file in {directory}: change it or choose another"
        case _:
            text = reason(error)
    return _refusal(address, text)


def _refusal(address: str, text: str) -> BindError:
    return BindError(f"cannot bind {address}: {text}")
