"""One timer for all sockets of a listener: pings, the deadlines of their answers, and of closes.

Sockets stand in slots of a wheel by when they want to be looked at next. While any does, a timer
turns the wheel about once a second and calls `beat` on those whose slot has come; two thousand
idle sockets cost two thousand calls per `ping_interval`. Their first pings are spread over half an
interval, so that sockets that came together (after a restart, say) are not all due together.
"""

from __future__ import annotations

import math
import typing

from nonecorn_ws._codec import CodecLimits
from nonecorn_ws._settings import WebSocketSettings

if typing.TYPE_CHECKING:
    from nonecorn.spi import Context, Runtime, Timer

_TURN = 1.0
"""Seconds between two looks, unless some deadline is so short that it would be missed by much."""
_GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples, modulo one, are spread evenly from the start


class Beating(typing.Protocol):
    """What can be looked at.

    Attributes:
        slot: The slot it stands in; kept by the heart. -1 for none.
    """

    slot: int

    def beat(self, now: float) -> None:
        """The time that was given to `watch` has come, by up to a turn."""
        ...


class Heart:
    """What the sockets of one listener share.

    Args:
        runtime: The listener's.
        settings: `[ws]`.

    Attributes:
        settings: `[ws]`.
        limits: The same, as codecs want it.
    """

    __slots__ = (
        "_count", "_opened", "_runtime", "_slots", "_timer", "_turn", "limits", "settings",
    )  # fmt: skip

    def __init__(self, runtime: Runtime, settings: WebSocketSettings) -> None:
        self.settings = settings
        self.limits = CodecLimits(
            frame=settings.max_frame,
            message=settings.max_message,
            fragments=settings.max_fragments,
            inflated=settings.max_inflated,
        )
        times = (settings.ping_interval, settings.ping_timeout, settings.close_timeout)
        self._turn = min(_TURN, *(time / 4 for time in times if time))
        self._runtime = runtime
        self._slots: dict[int, set[Beating]] = {}
        self._count = 0
        self._opened = 0
        self._timer: Timer | None = None

    @classmethod
    def of(cls, context: Context) -> Heart:
        """The listener's heart."""
        heart: Heart | None = context.cache.get(cls)
        if heart is None:
            settings = context.settings_of(WebSocketSettings)
            heart = context.cache[cls] = cls(context.runtime, settings)
        return heart

    def __repr__(self) -> str:
        return f"<Heart sockets={self._count} {'beating' if self._timer else 'resting'}>"

    def first_ping(self) -> float:
        """When a socket that opens now gets its first ping."""
        self._opened += 1
        share = 1 - (self._opened * _GOLDEN % 1) / 2
        return self._runtime.time() + self.settings.ping_interval * share

    def watch(self, socket: Beating, when: float) -> None:
        """Call `socket.beat` at `when`, in seconds of the runtime's `time`, and not before."""
        self._leave(socket)
        socket.slot = slot = math.ceil(when / self._turn)
        self._slots.setdefault(slot, set()).add(socket)
        self._count += 1
        self._wind()

    def forget(self, socket: Beating) -> None:
        """Do not call it any more."""
        self._leave(socket)
        if not self._count and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self, socket: Beating) -> None:
        if socket.slot < 0:
            return
        sockets = self._slots[socket.slot]
        sockets.discard(socket)
        if not sockets:
            del self._slots[socket.slot]
        socket.slot = -1
        self._count -= 1

    def _wind(self) -> None:
        if self._timer is None and self._count:
            self._timer = self._runtime.call_at(self._runtime.time() + self._turn, self._beat)

    def _beat(self) -> None:
        self._timer = None
        now = self._runtime.time()
        for slot in [slot for slot in self._slots if slot * self._turn <= now]:
            # A socket whose beat closes another may empty the slot.
            for socket in list(self._slots.get(slot, ())):
                if socket.slot == slot:
                    self._leave(socket)
                    socket.beat(now)
        self._wind()
