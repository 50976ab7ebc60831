"""Clients that ask without pause, and keep account of every request that was not answered.

Half of them keep their connection as long as the server does, half make a new one per request. A
request that gets no response counts as lost, whatever the reason: there are no retries.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time

PATIENCE = 30.0


class Load:
    def __init__(self, address, *, kept=2, fresh=2, path="/"):
        self.address = address
        self.path = path
        self.lost = []
        self.answers = 0
        self.pids = {}
        self.versions = {}
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._counts = [0] * (kept + fresh)
        self._threads = [
            threading.Thread(target=self._run, args=(index, index < kept), daemon=True)
            for index in range(kept + fresh)
        ]

    def __repr__(self):
        return f"<Load answers={self.answers} lost={len(self.lost)}>"

    def _connect(self):
        if isinstance(self.address, str):
            connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(PATIENCE)
            connection.sock.connect(self.address)
        else:
            connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
            connection.connect()
        connection.auto_open = 0  # a connection that was lost is not quietly replaced
        return connection

    def _run(self, index, keep):
        connection = None
        while not self._ended.is_set():
            try:
                if connection is None:
                    connection = self._connect()
                connection.request("GET", self.path)
                response = connection.getresponse()
                body = response.read()
                assert response.status == 200, response.status
                answer = json.loads(body)
                closing = response.will_close or not keep
            except Exception as error:
                if self._ended.is_set():
                    break
                with self._changed:
                    self.lost.append(f"{'kept' if keep else 'fresh'}: {error!r}")
                    self._changed.notify_all()
                closing, answer = True, None
                self._ended.wait(0.02)  # where nobody listens, the log would have no end
            if closing and connection is not None:
                connection.close()
                connection = None
            if answer is not None:
                with self._changed:
                    self.answers += 1
                    self._counts[index] += 1
                    self.pids[answer["pid"]] = self.pids.get(answer["pid"], 0) + 1
                    self.versions[answer["version"]] = self.answers
                    self._changed.notify_all()
        if connection is not None:
            connection.close()

    def more(self, count=10):
        """Return when each client has had so many more answers."""
        with self._changed:
            wanted = [have + count for have in self._counts]
            self._wait(lambda: all(h >= w for h, w in zip(self._counts, wanted, strict=True)))

    def until(self, condition):
        """Return when that holds."""
        with self._changed:
            self._wait(condition)

    def seen(self, pid):
        """Return when that process has answered."""
        self.until(lambda: pid in self.pids)

    def _wait(self, condition):
        deadline = time.monotonic() + PATIENCE
        done = self._changed.wait_for(lambda: condition() or self.lost, PATIENCE)
        assert not self.lost, self.lost
        assert done, f"{self!r} waited in vain, until {deadline}"

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, value, traceback):
        self.end()

    def end(self):
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
