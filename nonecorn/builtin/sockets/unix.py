"""Unix listeners: `unix:PATH`, and on Linux `unix:@NAME` for the abstract namespace.

A socket file that an earlier server left behind is removed, but only after a connection to it was
refused: one that somebody serves, and any other kind of file, is never touched.

A new file gets its mode and owner before the socket listens: until then nobody can connect,
whatever the umask made of it.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nonecorn.builtin.sockets.accounts import group_id, user_id
from nonecorn.spi import BindError, BindRequest, Bound, ConfigError
from nonecorn.spi.bind_address import display
from nonecorn.spi.bind_failures import reason

_PREFIX = "unix:"
_IN_USE = "another program serves it: choose another path, or stop it"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Access:
    """Who may connect to a socket file.

    Attributes:
        mode: Permission bits; None leaves them as the umask makes them.
        user: Owner's number; -1 leaves it.
        group: Group's number; -1 leaves it.
    """

    mode: int | None = None
    user: int = -1
    group: int = -1

    @classmethod
    def of(cls, options: Any) -> _Access:
        """What the server's settings ask for."""
        mode = getattr(options, "socket_mode", None)
        user = getattr(options, "socket_user", None)
        group = getattr(options, "socket_group", None)
        return cls(
            mode=int(mode, 8) if mode else None,
            user=user_id(user, "socket_user") if user else -1,
            group=group_id(group, "socket_group") if group else -1,
        )


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
    if abstract:
        sock = _listen(address, f"\0{path[1:]}", request.backlog, None)
        return [Bound(sock=sock, display=display(sock))]
    access = _Access.of(request.options)
    _remove_stale(address, path)
    sock = _listen(address, path, request.backlog, access)
    return [Bound(sock=sock, display=display(sock), unlink=str(Path(path).absolute()))]


def _remove_stale(address: str, path: str) -> None:
    try:
        found = Path(path).lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _error(address, path, error) from error
    if not stat.S_ISSOCK(found.st_mode):
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
        # Another server that starts now may have put its own in the place.
        if os.path.samestat(found, Path(path).lstat()):
            Path(path).unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        text = f"{path} is left over and cannot be removed ({reason(error)}): remove it"
        raise _refusal(address, text) from error


def _listen(address: str, name: str, backlog: int, access: _Access | None) -> socket.socket:
    """Listen on a name; one of the abstract namespace has nothing that `access` could be about."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    created = False
    try:
        sock.setblocking(False)
        try:
            sock.bind(name)
        except OSError as error:
            raise _error(address, name, error) from error
        if access is not None:
            created = True
            _allow(address, name, access)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        if created:
            Path(name).unlink(missing_ok=True)
        raise
    return sock


def _allow(address: str, path: str, access: _Access) -> None:
    try:
        if access.mode is not None:
            Path(path).chmod(access.mode)
        if access.user != -1 or access.group != -1:
            os.chown(path, access.user, access.group, follow_symlinks=False)
    except OSError as error:
        text = (
            f"its owner cannot be changed ({reason(error)}): only root may give a file to another "
            "user, and others to a group that they are in themselves"
        )
        raise _refusal(address, text) from error


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
