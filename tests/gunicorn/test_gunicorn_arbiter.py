"""What the arbiter does by itself, with these workers: more and fewer of them, and its own
replacement; and layers of nonecorn's in its file.
"""

import contextlib
import os
import re
import signal

from tests.gunicorn.conftest import PATIENCE, get
from tests.gunicorn.test_gunicorn_end import Visitors


@contextlib.contextmanager
def successor(server):
    """The arbiter that starts after SIGUSR2, which is nobody's child once the first has ended."""
    server.signal(signal.SIGUSR2)
    pid = int(re.search(r"\[(\d+)\] \[", server.line("Starting gunicorn", nth=2))[1])
    try:
        yield
    finally:
        os.kill(pid, signal.SIGTERM)


def test_more_and_fewer_workers_and_another_arbiter_lose_no_request(gunicorn):
    # Without it, what `python -m gunicorn` starts anew finds Gunicorn's own `http` for Python's.
    server = gunicorn(env={"PYTHONSAFEPATH": "1"})
    visitors = Visitors(server)
    try:
        server.signal(signal.SIGTTIN)
        server.workers(2)
        server.signal(signal.SIGTTOU)
        server.line("Worker exiting")
        with successor(server):
            *old, last = server.workers(3)
            server.signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0
            visitors.wait_for_others_than(*old)
            visitors.stop()
            assert get(server)["pid"] == last
    finally:
        visitors.stop()
    assert "Traceback" not in server.said


def test_layers_stand_in_gunicorns_file_and_proxy_fix_is_believed_alone(gunicorn, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(
        'nonecorn = {"middleware": [\n'
        '    {"use": "proxy_fix", "trusted": ["127.0.0.1"]}, "health",\n'
        "]}\n"
    )
    server = gunicorn()
    # Gunicorn's own rule would refuse the third field beside the second.
    fields = {
        "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https", "x-forwarded-ssl": "off",
    }  # fmt: skip
    facts = get(server, headers=fields)
    assert (facts["client"], facts["scheme"]) == (["192.0.2.7", 0], "https")
    assert get(server)["client"][0] == "127.0.0.1"
