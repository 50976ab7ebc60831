"""`nonecorn.run(reload=True)`, and who cannot."""

import re
import subprocess
import sys
import threading

import pytest

import nonecorn
from nonecorn.spi import ConfigError, StartupError
from nonecorn.testing import raw_exchange
from tests.reload.conftest import app


async def an_app(scope, receive, send):
    """Any."""


def test_from_a_script(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "main.py").write_text(
        app()
        + "\nif __name__ == '__main__':\n    import nonecorn\n"
        + "    sys.exit(nonecorn.run('main:app', reload=True, bind='127.0.0.1:0'))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    seen = []

    def wait_for(text: str) -> str:
        for line in process.stderr:
            seen.append(line)
            if text in line:
                return line
        pytest.fail(f"no {text!r} in {seen}")

    try:
        host, port = re.search(r"http://([\d.]+):(\d+)", wait_for("serving on")).groups()
        wait_for("watching 1 file in .")
        (tmp_path / "main.py").write_text((tmp_path / "main.py").read_text().replace("'1'", "'2'"))
        wait_for("main.py changed: restarting")
        wait_for("restarted in")
        request = b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"
        answer = raw_exchange((host, int(port)), request)
        assert answer.data.endswith(b"\r\n\r\n2")
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_an_application_object_is_refused():
    with pytest.raises(ConfigError, match=r"give nonecorn\.run\(\) its import string"):
        nonecorn.run(an_app, reload=True)


def test_another_thread_is_refused(tmp_path):
    raised = []

    def run() -> None:
        try:
            nonecorn.run("app:app", reload=True, bind="127.0.0.1:0", app_dir=str(tmp_path))
        except StartupError as error:
            raised.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert raised == ["reload needs the main thread, which alone gets signals"]


def test_a_running_loop_is_refused():
    import asyncio

    with pytest.raises(ConfigError, match=r"reload: nonecorn\.serve"):
        asyncio.run(nonecorn.serve(an_app, reload=True))


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"reload_dir: .*there is no such directory"):
        nonecorn.run("app:app", reload=True, reload_dir=[str(tmp_path / "none")])
