"""Frames at random, right and wrong, in any order: the server answers, or hangs up, and goes on.

Each conversation follows from its seed, so that one that fails can be had again.
"""

from __future__ import annotations

import random
import struct
import sys
import time

import hpack
import pytest

from tests.h2 import frames as f
from tests.h2.siege import left_running, siege

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at the process in /proc")

CONVERSATIONS = 200
PATHS = [
    b"/", b"/wait", b"/echo", b"/digest", b"/firehose", b"/download?500000", b"/trailers",
    b"/hints", b"/nowhere", b"/ws", b"/file?pathsend", b"/fields?3", b"/request-trailers",
]  # fmt: skip
METHODS = [b"GET", b"POST", b"HEAD", b"CONNECT", b"OPTIONS", b"PUT"]
GOOD = [
    (b"te", b"trailers"), (b"priority", b"u=1, i"), (b"cookie", b"a=b"), (b"cookie", b"c=d"),
    (b"expect", b"100-continue"), (b"x-a", b"1" * 200), (b"host", b"test"),
]  # fmt: skip
BAD = [
    (b"connection", b"close"), (b"X-Bad", b"1"), (b"x-b", b"\0"), (b"content-length", b"3"),
    (b":protocol", b"websocket"), (b"host", b"other"),
]  # fmt: skip
SETTINGS = [
    (f.HEADER_TABLE_SIZE, 0), (f.HEADER_TABLE_SIZE, 4096), (f.INITIAL_WINDOW_SIZE, 0),
    (f.INITIAL_WINDOW_SIZE, 100), (f.INITIAL_WINDOW_SIZE, 70000), (f.MAX_FRAME_SIZE, 20000),
    (f.ENABLE_PUSH, 0), (0x4242, 7),
]  # fmt: skip


class Talker:
    """Makes frames of one connection, of which few are wrong: one that is ends most conversations.

    Args:
        seed: Decides everything.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.encoder = hpack.Encoder()
        self.next = 1
        self.open: list[int] = []
        self.wrong = self.random.choice([0, 0.005, 0.05])

    def goes_wrong(self) -> bool:
        return self.random.random() < self.wrong

    def fields(self) -> bytes:
        pick = self.random
        made = f.request(pick.choice(PATHS), method=pick.choice(METHODS))
        made += pick.sample(GOOD, pick.choice([0, 0, 1, 2]))
        if pick.random() < 0.05:
            made.append(pick.choice(BAD))
        return self.encoder.encode(made) if pick.random() < 0.5 else f.block(made)

    def stream(self) -> int:
        """Mostly one that is open."""
        pick = self.random
        if self.goes_wrong() or not self.open:
            return pick.choice([0, 2, self.next + 8, 0x7FFFFFFF, *range(1, self.next, 2)])
        return pick.choice(self.open)

    def opening(self) -> bytes:
        pick = self.random
        stream, self.next = self.next, self.next + 2
        block = self.fields()
        end = pick.random() < 0.5
        if not end:
            self.open.append(stream)
        if pick.random() < 0.2:
            cut = pick.randrange(len(block))
            rest = f.continuation(stream, block[cut:], end=not self.goes_wrong())
            return f.frame(f.HEADERS, int(end), stream, block[:cut]) + rest
        return f.headers(stream, block, end=end)

    def ending(self, make) -> bytes:
        stream = self.stream()
        if stream in self.open:
            self.open.remove(stream)
        return make(stream)

    def frame(self) -> bytes:
        pick = self.random
        if not self.open:
            return self.opening()
        size = pick.choice([0, 3, 500])
        code = struct.pack(">I", pick.choice([0, 5, 8, 99]))
        value = (pick.randrange(10), 70000) if self.goes_wrong() else pick.choice(SETTINGS)
        makers = {
            "opening": (12, self.opening),
            "data": (8, lambda: f.data(self.stream(), pick.randbytes(size))),
            "end": (4, lambda: self.ending(lambda n: f.data(n, pick.randbytes(size), end=True))),
            "trailers": (3, lambda: self.ending(lambda n: f.headers(n, [(b"x-t", b"1")]))),
            "reset": (4, lambda: self.ending(lambda n: f.frame(f.RST_STREAM, 0, n, code))),
            "padded": (2, lambda: f.frame(f.DATA, f.PADDED, self.stream(), b"\x0212345")),
            "window": (5, lambda: f.window_update(pick.choice([0, self.stream()]), 1000)),
            "settings": (2, lambda: f.settings(value)),
            "ping": (2, lambda: f.ping(ack=pick.random() < 0.3)),
            "priority": (2, lambda: f.priority(self.stream(), self.next + 2)),
            "update": (2, lambda: f.priority_update(self.stream(), pick.choice([b"u=1", b"i?"]))),
            "goaway": (0.2, f.goaway),
            "unknown": (1, lambda: f.frame(pick.randrange(17, 256), pick.getrandbits(8), 0, b"x")),
        }
        [name] = pick.choices(list(makers), [weight for weight, _ in makers.values()])
        made = makers[name][1]()
        if self.goes_wrong():
            at = pick.randrange(len(made))
            made = made[:at] + pick.randbytes(1) + made[at + 1 :]
        elif self.goes_wrong():
            made = f.frame(
                pick.randrange(10), pick.getrandbits(8), self.stream(), pick.randbytes(9)
            )
        return made


@pytest.mark.parametrize("seed", range(3))
def test_conversations_at_random(server, seed):
    said = len(server.errors)
    with siege(server, bound=24 << 20) as steady:
        for number in range(CONVERSATIONS):
            talker = Talker(seed * CONVERSATIONS + number)
            with server.connect(credit=talker.random.random() < 0.5) as client:
                client.send(f.PREFACE, f.settings())
                for _ in range(talker.random.randrange(1, 40)):
                    client.send(talker.frame())
                    if talker.random.random() < 0.2:
                        listen(client)
                listen(client)
            if number % 10 == 0:
                assert steady.ask().data == b"hello"
    assert left_running(server) == 0
    complaints = [line for line in server.errors[said:].splitlines() if " INFO " not in line]
    assert not complaints, "\n".join(complaints[:40])


def listen(client) -> None:
    """Read what has come by now."""
    try:
        client.read(time.monotonic() + 0.002)
    except TimeoutError:
        return
