"""Clients that ask all the time, over connections that they keep, and note what is lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

from nonecorn.testing.wire import connect
from tests.e2e.raw import responses

PATIENCE = 40.0
PAUSE = 0.02
"""Seconds between an answer and the next request: clients that never rest take the processor from
those that they wait for."""


class Load:
    """See the module; a context manager.

    Args:
        address: The proxy's.
        requests: What to send, in turn.
        clients: How many at once.
    """

    def __init__(self, address, requests, clients=4):
        self.lost = []
        self.served = Counter()
        self._address = address
        self._requests = requests
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]

    def _client(self):
        sock = None
        count = 0
        while not self._over.wait(PAUSE) and not self.lost:
            method, data, wanted = self._requests[count % len(self._requests)]
            count += 1
            try:
                sock = sock or connect(self._address, 20)
                sock.sendall(data)
                [response] = responses(sock, method=method)
                value = json.loads(response.body) if response.status == 200 else {}
                problem = "" if value.get("body") == wanted else f"{method}: {response}"
                close = response.values(b"connection") == [b"close"]
            except Exception as error:
                problem, close, value = f"{method}: {error!r}", True, {}
            with self._changed:
                self.served[value.get("pid")] += 1
                if problem:
                    self.lost.append(problem)
                self._changed.notify_all()
            if close and sock is not None:
                sock.close()
                sock = None
        if sock is not None:
            sock.close()

    def wait_for(self, pids, count=20):
        """Until these processes have served so many more, together."""
        with self._changed:
            wanted = self._by(pids) + count
            done = self._changed.wait_for(lambda: self._by(pids) >= wanted, PATIENCE)
        assert done, f"{pids} serve nothing: {self.served}, {self.lost[:3]}"

    def _by(self, pids):
        return sum(self.served[pid] for pid in pids)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
