"""nginx and HAProxy with the files of `docs/howto/recipes`, in which only addresses are changed.

They get their listening sockets from the test, so that no port is chosen twice, and whoever
connects before they run waits in the queue.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "docs" / "howto" / "recipes"
_SYSTEM = "/usr/sbin:/usr/local/sbin"
NGINX = shutil.which("nginx") or shutil.which("nginx", path=_SYSTEM)
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path=_SYSTEM)
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

needs_nginx = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed (Debian's package nginx-light)"
)
needs_nginx_stream = pytest.mark.skipif(
    NGINX is None or not STREAM.exists(),
    reason="nginx has no stream module (Debian's package libnginx-mod-stream)",
)
needs_haproxy = pytest.mark.skipif(
    HAPROXY is None, reason="HAProxy is not installed (Debian's package haproxy)"
)

_NGINX = """
{modules}
{user}
daemon off;
worker_processes 1;
pid {path}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 256; }}
{http}
{beside}
"""
_HTTP = """
http {{
    access_log off;
    client_body_temp_path {path}/body;
    proxy_temp_path {path}/proxy;
    fastcgi_temp_path {path}/fastcgi;
    scgi_temp_path {path}/scgi;
    uwsgi_temp_path {path}/uwsgi;
    include {path}/recipe.conf;
}}
"""


def recipe(name: str, changes: dict[str, str]) -> str:
    """A recipe with other addresses; each must stand there."""
    text = (RECIPES / name).read_text()
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


@contextmanager
def running(command, descriptors, stack, env=None):
    """A proxy, until the context is left; the test that fails shows what it said."""
    process = stack.enter_context(
        subprocess.Popen(
            command,
            pass_fds=descriptors,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            _, said = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            _, said = process.communicate()
        print(said.decode(errors="replace"))


@contextmanager
def nginx(path: Path, name: str, listen: str, changes: dict[str, str], *, stream=False):
    """nginx with a recipe; the address it serves."""
    with ExitStack() as stack:
        sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = sock.getsockname()
        own = {listen: f"listen 127.0.0.1:{address[1]};"}
        (path / "recipe.conf").write_text(recipe(name, {**own, **changes}))
        main = path / "nginx.conf"
        main.write_text(
            _NGINX.format(
                path=path,
                modules=f"load_module {STREAM};" if stream else "",
                user="user root;" if os.geteuid() == 0 else "",
                http="" if stream else _HTTP.format(path=path),
                beside=f"include {path}/recipe.conf;" if stream else "",
            )
        )
        # This is how nginx hands its sockets to another nginx that replaces it.
        env = {**os.environ, "NGINX": f"{sock.fileno()};"}
        command = [str(NGINX), "-p", str(path), "-c", str(main)]
        stack.enter_context(running(command, [sock.fileno()], stack, env))
        yield address


@contextmanager
def haproxy(path: Path, name: str, listen: str, changes: dict[str, str]):
    """HAProxy with a recipe; the address it serves."""
    with ExitStack() as stack:
        sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        own = {listen: f"bind fd@{sock.fileno()}"}
        file = path / "haproxy.cfg"
        file.write_text(recipe(name, {**own, **changes}))
        command = [str(HAPROXY), "-db", "-f", str(file)]
        stack.enter_context(running(command, [sock.fileno()], stack))
        yield sock.getsockname()
