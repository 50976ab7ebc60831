"""Spreads packets over a round trip (RFC 9002 section 7.7), in bursts that suit timers.

Loops wake up a millisecond late, so who sends a packet at each wake-up never gets beyond a thousand
a second. Here whatever two milliseconds are worth may leave at once, and ten packets in any case,
as many as a connection may begin with.
"""

from __future__ import annotations

from aioquic.quic.recovery import QuicPacketPacer

_HEADROOM = 1.25
"""How much faster than a window per round trip."""
_BURST = 10
"""Packets."""
_GRANULARITY = 0.002
"""In seconds."""
_LARGEST_BURST = 1 << 17
"""Bytes: buffers of sockets hold little more."""
_WORTH_WAKING = 4
"""Packets that there should be room for when the timer fires."""
_SHORTEST = 1e-6


class Pacer(QuicPacketPacer):
    """Takes the place of aioquic's."""

    def __init__(self, *, max_datagram_size: int) -> None:
        super().__init__(max_datagram_size=max_datagram_size)
        self._rate = 0.0
        self._burst = float(_BURST * max_datagram_size)
        self._left = self._burst
        self._then = 0.0

    def __repr__(self) -> str:
        return f"<Pacer {self._rate:.0f} B/s>"

    def next_send_time(self, now: float) -> float | None:  # type: ignore[override]
        """When the next packet may be sent; None for now."""
        rate = self._rate
        if not rate:
            return None
        if now > self._then:
            self._left = min(self._burst, self._left + (now - self._then) * rate)
            self._then = now
        size = self._max_datagram_size
        if self._left >= size:
            return None
        return now + max((_WORTH_WAKING * size - self._left) / rate, _GRANULARITY / 2)

    def update_after_send(self, now: float) -> None:
        """A packet was sent; most are full."""
        self._left -= self._max_datagram_size

    def update_rate(self, congestion_window: int, smoothed_rtt: float) -> None:
        """Window or round trip have changed."""
        self._rate = _HEADROOM * congestion_window / max(smoothed_rtt, _SHORTEST)
        self._burst = max(
            _BURST * self._max_datagram_size, min(self._rate * _GRANULARITY, _LARGEST_BURST)
        )
