"""What waits to be sent on one connection, and how it leaves.

Everything that is sent ends up in the engine's `out`, and is written at the end of the tick in one
piece. Body bytes that may leave at once, with nobody else waiting, go there directly, up to a
batch. Others wait in their stream's queue, as the application gave them; `flush` takes them a turn
at a time from the stream that the scheduler names, while both windows allow it and the port takes
more. So what is in the port's buffer is little, and a stream that comes later can still be sent
first. A turn is a frame where streams alternate, and a few frames where they come one after the
other.

Waiting is bounded twice. A stream with more than `limits.send_buffer` in its queue makes its
application wait. When the streams of a connection together have more than `[h2] send_buffer`,
everyone with anything in the queue waits; a stream with nothing there never does, so those that a
client does not read do not hold up the one that it reads.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from nonecorn_h2._scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from nonecorn.spi import Context, Port
    from nonecorn.spi.messages.budget import NoiseBudget
    from nonecorn_h2._engine import Engine
    from nonecorn_h2._exchange import H2Exchange

_TURN = 65536
"""Most of one stream's before the scheduler is asked again."""
_SHORT_TURN = 16384
"""The same where streams alternate."""
_BATCH = 131072
"""Most that is joined for one write."""
_LITTLE = 1024


class Outbox:
    """One connection's.

    Args:
        context: The listener's.
        port: Where to.
        engine: Makes the frames.
        budget: Is told of DATA that was sent.
        most: `[h2] send_buffer`.
        max_streams: `[h2] max_streams`.

    Attributes:
        scheduler: Says who is next.
        queued: Body bytes in all queues.
        paused: The port takes no more.
        unwritten: Streams that have ended and whose end the port did not take.
    """

    __slots__ = (
        "_batch", "_budget", "_clock", "_direct", "_end_of_tick", "_engine", "_marked", "_most",
        "_port", "_stream_most", "_write", "paused", "queued", "scheduler", "unwritten",
    )  # fmt: skip

    def __init__(
        self,
        context: Context,
        port: Port,
        engine: Engine,
        budget: NoiseBudget,
        *,
        most: int,
        max_streams: int,
    ) -> None:
        self._clock = context.runtime.clock
        self._end_of_tick = context.runtime.end_of_tick
        self._port = port
        self._write: Callable[[bytes], None] = port.write
        self._engine = engine
        self._budget = budget
        self._stream_most = context.limits.send_buffer
        self._batch = min(_BATCH, self._stream_most)
        self._most = most
        self._direct = 0  # body bytes in `out` that were in no queue
        self._marked = False
        self.scheduler = Scheduler(max_streams)
        self.queued = 0
        self.paused = False
        self.unwritten = 0

    def __repr__(self) -> str:
        return f"<Outbox {'paused ' if self.paused else ''}queued={self.queued}>"

    def mark(self) -> None:
        """There is something to write: do it at the end of this tick."""
        if not self._marked:
            self._marked = True
            self._end_of_tick(self._tick)

    def _tick(self) -> None:
        self._marked = False
        self.flush()

    # In -------------------------------------------------------------------------------------------

    def send(self, exchange: H2Exchange, data: bytes, *, end: bool) -> None:
        """Send body bytes of a stream, now or when it is its turn; `end` ends the stream."""
        engine = self._engine
        size = len(data)
        if exchange.queued:
            exchange.ends = end
        elif not size:
            if end:
                engine.data(exchange, b"", end=True)
                exchange.all_sent()
            return
        elif (
            not self.queued
            and not self.paused
            and self._direct + size <= self._batch
            and (size <= _SHORT_TURN or (size <= _TURN and (end or _goes_on(exchange))))
            and size <= engine.window_out
            and size <= exchange.window_out
        ):
            self._budget.data_sent(engine.data(exchange, data, end=end))
            self._direct += size
            self.mark()
            if end:
                exchange.all_sent()
            return
        else:
            exchange.ends = end
            exchange.moved_at = self._clock.now
            if not exchange.scheduled:
                exchange.schedule()
            if exchange.window_out > 0:
                self.scheduler.ready(exchange.id)
        if size:
            if not exchange.queued:
                exchange.queue = deque()
            exchange.queue.append(data)
            exchange.queued += size
            self.queued += size
        self.mark()
        if exchange.queued and (exchange.queued > self._stream_most or self.queued > self._most):
            exchange.block()

    def drop(self, exchange: H2Exchange) -> None:
        """The stream is over; what it has queued is not sent."""
        if exchange.scheduled:
            self.scheduler.remove(exchange.id)
        if exchange.queued:
            self.queued -= exchange.queued
            exchange.queued = 0
            exchange.queue.clear()

    def window_opened(self, exchange: H2Exchange) -> None:
        """The window of a stream grew."""
        if exchange.queued and exchange.window_out > 0:
            self.scheduler.ready(exchange.id)
            self.mark()

    def stream_ended(self) -> None:
        """A stream's last frame is in `out`."""
        if self.paused:
            self.unwritten += 1
        self.mark()

    # Out ------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what the port takes."""
        out = self._engine.out
        while not self.paused:
            if self.queued:
                # What is left of the last write counts, so that the port's buffer stays near its
                # mark; a little more than that is what makes the port pause us.
                room = self._batch - self._direct - self._port.buffered()
                if room > 0 or not out:
                    self._fill(max(room, _LITTLE))
            if not out:
                return
            self.unwritten = self._direct = 0
            data = b"".join(out)
            out.clear()
            self._write(data)
            if not self.queued:
                return

    def resume(self) -> None:
        """The port takes more."""
        self.paused = False
        self.flush()
        for exchange in list(self._engine.streams.values()):
            if exchange.waiting is not None and exchange.queued * 4 <= self._stream_most:
                exchange.unblock()

    def end(self) -> None:
        """The connection has gone."""
        self.paused = True
        self._engine.out.clear()
        self._write = _nowhere

    def finish(self) -> None:
        """Write what is in `out`, whether the port wants it or not: these are the last words."""
        out = self._engine.out
        if out:
            self._write(b"".join(out))
            out.clear()
        self._write = _nowhere

    def _fill(self, room: int) -> None:
        engine = self._engine
        streams = engine.streams
        scheduler = self.scheduler
        now = self._clock.now
        while room > 0 and engine.window_out > 0:
            alternating = scheduler.alternates
            stream_id = scheduler.next()
            if stream_id is None:
                return
            exchange: H2Exchange = streams[stream_id]
            window = exchange.window_out
            if window <= 0:
                scheduler.unready(stream_id)
                continue
            turn = _SHORT_TURN if alternating else _TURN
            most = min(room, turn, window, engine.window_out)
            queue = exchange.queue
            data = queue[0]
            size = len(data)
            if size > most:
                view = data if data.__class__ is memoryview else memoryview(data)
                data = view[:most]
                queue[0] = view[most:]
                size = most
            else:
                queue.popleft()
            exchange.queued -= size
            exchange.moved_at = now
            self.queued -= size
            left = exchange.queued
            end = exchange.ends and not left
            frames = engine.data(exchange, data, end=end and exchange.last_block is None)
            self._budget.data_sent(frames)
            room -= size + 9 * frames
            if not left:
                scheduler.unready(stream_id)
                if end or exchange.last_block is not None:
                    exchange.all_sent()
            if exchange.waiting is not None and exchange.queued * 4 <= self._stream_most:
                exchange.unblock()


def _goes_on(exchange: H2Exchange) -> bool:
    """More body follows.

    Where all of it is here, the end comes in a moment, and a large piece waits for that: then the
    stream ends with the piece's last frame, and not with an empty one.
    """
    stream = exchange.stream
    return stream is not None and stream.remaining != 0


def _nowhere(data: bytes) -> None:
    """What is written after the connection was lost, or our direction has ended."""
