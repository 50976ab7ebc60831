"""Clients that ask all the time over HTTP/3, and keep account of every request without an answer.

They behave as RFC 9114 section 5.2 has it: after a GOAWAY they ask no more on that connection, and
what its identifier says was not looked at they ask again on another one. Anything else that gets no
answer is lost, whatever the reason.
"""

from __future__ import annotations

import json
import threading
from collections import Counter

from tests.h3.clients_aioquic import Client, request

PAUSE = 0.05
"""Seconds between an answer and the next request: clients that never rest take from the server the
processor that they share with it, and find no more for that."""


class Load:
    """Some threads, each with a connection of its own at a time; a context manager.

    Args:
        connect: Makes a client.
        kept: How many keep their connection as long as the server does.
        moving: How many do so, too, and speak from another port after each request.
        fresh: How many make a new one per request.

    Attributes:
        answers: How many requests were answered.
        lost: What became of those that were not.
        pids: How many of them by which process.
        farewells: Connections that ended with GOAWAY.
    """

    def __init__(self, connect, *, kept=1, moving=1, fresh=2):
        self._connect = connect
        self.lost = []
        self.answers = 0
        self.farewells = 0
        self.pids = Counter()
        self._changed = threading.Condition()
        self._ended = threading.Event()
        kinds = ["kept"] * kept + ["moving"] * moving + ["fresh"] * fresh
        self._counts = [0] * len(kinds)
        self._threads = [
            threading.Thread(target=self._run, args=each, daemon=True) for each in enumerate(kinds)
        ]

    def __repr__(self):
        return f"<Load answers={self.answers} lost={self.lost}>"

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.more(1)
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join(40)

    def more(self, count, patience=40):
        """Wait until every client has got so many answers more, or one was lost."""
        with self._changed:
            wanted = [each + count for each in self._counts]
            enough = self._changed.wait_for(
                lambda: self.lost or all(map(int.__ge__, self._counts, wanted)), patience
            )
        assert enough, (self, self._counts, wanted)
        assert not self.lost, self

    def _run(self, index, kind):
        client = None
        while not self._ended.is_set():
            try:
                if client is None:
                    client = self._connect().__enter__()
                pid = self._ask(client)
            except Exception as error:
                with self._changed:
                    self.lost.append(f"{kind}: {error!r} {client!r}")
                    self._changed.notify_all()
                pid, closing = None, True
            else:
                closing = kind == "fresh" or client.closed is not None or bool(client.goaways)
            if closing and client is not None:
                self.farewells += bool(client.goaways)
                client.__exit__(None, None, None)
                client = None
            elif kind == "moving":
                client.rebind()
            if pid is not None:
                with self._changed:
                    self.answers += 1
                    self._counts[index] += 1
                    self.pids[pid] += 1
                    self._changed.notify_all()
            self._ended.wait(PAUSE)
        if client is not None:
            client.__exit__(None, None, None)

    def _ask(self, client: Client):
        """Who answered; None where it was not looked at, and may be asked again."""
        stream = client.open(request(b"/whoami"))
        try:
            response = client.answer(stream)
        except ConnectionError:
            response = client[stream]
        if client.goaways and stream >= client.goaways[-1]:
            return None
        if response.ended and response.status == 200:
            return json.loads(response.data)["pid"]
        raise ConnectionError(f"no answer: {response} {client.closed}")
