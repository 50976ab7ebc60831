"""SIGHUP for a server without workers, as the service manager hears of it."""

from __future__ import annotations

import signal
import socket
import sys

import pytest

from nonecorn.testing import ServeProcess
from tests.e2e.conftest import HERE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="driven by POSIX signals")


def test_the_service_manager_hears_of_a_reload(tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(20)
        manager.bind(str(path))
        args = ["-k", "asyncio", "--app-dir", str(HERE)]
        env = {"NOTIFY_SOCKET": str(path)}
        with ServeProcess("probe:app", args, cwd=HERE, env=env) as server:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=serving on http://")
            server.send_signal(signal.SIGHUP)
            assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert manager.recv(4096) == b"READY=1"
        assert manager.recv(4096).startswith(b"STOPPING=1\n")


def test_one_that_only_starts_is_not_ready_by_it(tmp_path):
    path = tmp_path / "notify"
    (tmp_path / "slow.py").write_text(
        "import asyncio, os, signal\n"
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    await asyncio.sleep(0.05)\n"
        "    await send({'type': 'lifespan.startup.failed'})\n"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setblocking(False)
        manager.bind(str(path))
        server = ServeProcess(
            "slow:app", ["-k", "asyncio"], cwd=tmp_path, env={"NOTIFY_SOCKET": str(path)}
        )
        with pytest.raises(RuntimeError, match="log files were opened anew"):
            server.start()
        with pytest.raises(BlockingIOError):
            manager.recv(4096)
