"""Sessions among several workers: each stays with its own, wherever its client goes."""

from __future__ import annotations

import re
import signal
import sys
from contextlib import ExitStack

import pytest

from tests.supervisor.waiting import until
from tests.webtransport.client import CLOSE, DRAIN

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not run on Windows"),
    pytest.mark.parametrize("worker", ["uvloop"]),
]
"""Who gets a datagram is settled above the loop."""

BODY = bytes(range(256)) * 128
"""32 KiB."""
_LISTED = re.compile(r"(?:workers: |serves, processes )([\d, ]+)$", re.MULTILINE)


def home(session) -> int:
    """The process of a session, by a datagram; one may be lost."""
    for _ in range(20):
        session.response.datagrams.clear()
        session.datagram(b"where")
        try:
            session._client.wait(lambda: session.response.datagrams, 2)
        except TimeoutError:
            continue
        return int(session.next_datagram().split()[1])
    raise TimeoutError("no datagram comes back")


def workers(server) -> set[int]:
    """The processes that serve, as last said."""
    return {int(text) for text in _LISTED.findall(server.errors)[-1].split(",")}


def welcomed(stack, server):
    """A session with a worker that serves: one that has just been succeeded may not know it yet, or
    say 503.
    """
    found = []

    def accepted():
        found[:] = [stack.enter_context(server.connect()).session(b"/process")]
        status = found[0].response.status
        assert status in (200, 503)
        return status == 200 and home(found[0]) in workers(server)

    until(accepted, "session with a new worker")
    return found[0]


def echoed(session, data: bytes) -> tuple[bytes, int]:
    """What comes back on a stream, and by which process."""
    answer, _, pid = session.all(session.open(data, end=True)).rpartition(b" ")
    return answer, int(pid)


def test_sessions_stay_with_their_workers_while_clients_move_and_workers_change(serve, worker):
    options = ("-w", "4", "--graceful-timeout", "60", "--webtransport-drain-timeout", "60")
    with serve(worker, *options) as server, ExitStack() as stack:
        old = workers(server)
        clients = [stack.enter_context(server.connect()) for _ in range(8)]
        sessions = [client.session(b"/process") for client in clients]
        homes = [home(session) for session in sessions]
        assert set(homes) <= old
        assert len(set(homes)) > 1

        # The NAT forgets them, with a stream half sent.
        begun = [session.open(b"half ") for session in sessions]
        for client in clients:
            client.rebind()
        assert [home(session) for session in sessions] == homes
        for session, stream, pid in zip(sessions, begun, homes, strict=True):
            session.write(stream, b"and half", end=True)
            assert session.all(stream) == b"half and half %d" % pid

        # Now they move to another path, while much is under way.
        for client, session, pid in zip(clients[:2], sessions[:2], homes[:2], strict=True):
            stream = session.open(BODY)
            client.migrate()
            session.write(stream, BODY, end=True)
            assert session.all(stream) == BODY * 2 + b" %d" % pid

        begun = [session.open(b"before ") for session in sessions]
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded: generation")
        assert not workers(server) & old
        fresh = welcomed(stack, server)

        # Both sides are told; and until they make an end all goes on, from other ports as well.
        for client, session, stream, pid in zip(clients, sessions, begun, homes, strict=True):
            client.rebind()
            client.ping()
            client.wait(lambda session=session: (DRAIN, b"") in session.capsules)
            session.write(stream, b"and after", end=True)
            assert session.all(stream) == b"before and after %d" % pid
            assert echoed(session, b"anew") == (b"anew", pid)
            assert b"drain %d" % pid in session.response.datagrams
            assert home(session) == pid
            assert not [each for each in session.capsules if each[0] == CLOSE]
            session.close()
        for client in clients:
            client.wait_closed()
        assert echoed(fresh, b"still there")[0] == b"still there"
