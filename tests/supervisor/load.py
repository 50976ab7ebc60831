"""Clients that ask again and again, and keep account of every request that was not answered.

Half of them keep their connection as long as the server does, half make a new one per request. A
request that gets no response counts as lost, whatever the reason: there are no retries.
"""

from __future__ import annotations

import json
import socket
import threading
import time

PATIENCE = 30.0
PAUSE = 0.004
"""Seconds that a client takes between an answer and its next request: those of several are always
under way, and leave the processors to the processes that start meanwhile."""
REQUEST = b"GET / HTTP/1.1\r\nhost: t\r\n\r\n"


class Load:
    def __init__(self, address, *, kept=2, fresh=2):
        self.address = address
        self.lost = []
        self.answers = 0
        self.pids = {}
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
        if not isinstance(self.address, str):
            return socket.create_connection(self.address, PATIENCE)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        sock.connect(self.address)
        return sock

    def _ask(self, sock):
        """What the application says, and whether the server ends the connection with that."""
        sock.sendall(REQUEST)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0 or len(data) < end + 4 + _length(data):
            piece = sock.recv(65536)
            assert piece, f"closed within the response: {data!r}"
            data += piece
        assert data.startswith(b"HTTP/1.1 200 "), data
        assert len(data) == end + 4 + _length(data), data
        return json.loads(data[end:]), b"\r\nconnection: close\r\n" in data

    def _run(self, index, keep):
        sock = None
        while not self._ended.wait(PAUSE):
            try:
                if sock is None:
                    sock = self._connect()
                answer, closing = self._ask(sock)
            except Exception as error:
                if self._ended.is_set():
                    break
                with self._changed:
                    self.lost.append(f"{'kept' if keep else 'fresh'}: {error!r}")
                    self._changed.notify_all()
                closing, answer = True, None
                self._ended.wait(0.02)  # where nobody listens, the log would have no end
            if sock is not None and (closing or not keep):
                sock.close()
                sock = None
            if answer is not None:
                with self._changed:
                    self.answers += 1
                    self._counts[index] += 1
                    self.pids[answer["pid"]] = self.pids.get(answer["pid"], 0) + 1
                    self._changed.notify_all()
        if sock is not None:
            sock.close()

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


def _length(data):
    """Bytes of the body, as the head says."""
    return int(data.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
