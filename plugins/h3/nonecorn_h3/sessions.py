"""The seam for protocols that extended CONNECT opens and that want more of HTTP/3 than one stream:
WebTransport, MASQUE and their like.

Such a protocol is a stream factory in `context.stream_upgrades`, as WebSocket's is, with an
attribute `h3` that says what it adds, or a function of the context that does:

    class MySession:
        h3 = H3Extension(stream_type=0x54, frame_type=0x41, refused=0x3994BD84)

        def __init__(self, context, exchange, port, version, method, path, query, headers,
                     has_body): ...

Where `version` is "3" its `exchange` is a `SessionExchange`. After `exchange.tunnel(...)` it calls
`exchange.join(self)`. From then on streams that begin with the extension's type and with the number
of the CONNECT stream are the session's (`Session.stream_opened`), and datagrams that carry that
number are, too (RFC 9297). Streams that come before that wait. When the CONNECT stream has gone, or
the whole connection, the session is told by `disconnect`, as every stream is; its handlers are its
own to tell.

On its streams a session writes, resets, credits and prioritizes by `port`, the connection's
`QuicPort`, by their numbers; there is no framing of HTTP on them. What the CONNECT stream itself
carries is the session's as with every tunnel; `nonecorn_h3.capsules` reads capsules in it.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nonecorn.spi import Exchange


class StreamHandler(typing.Protocol):
    """Who is told of one QUIC stream. None of these may raise."""

    def receive(self, data: bytes, end: bool) -> None:
        """Bytes, maybe none; `end`: the client has ended its direction. Credit is given back by
        `port.consumed`.
        """
        ...

    def was_reset(self, code: int) -> None:
        """The client has ended its direction abruptly."""
        ...

    def was_stopped(self, code: int) -> None:
        """The client wants no more of ours; the port has reset our direction."""
        ...

    def pause_writing(self) -> None:
        """Too much waits to be sent."""
        ...

    def resume_writing(self) -> None:
        """It has gone."""
        ...


class Session(typing.Protocol):
    """Who is told of what belongs to one CONNECT stream."""

    def stream_opened(self, stream: int, /) -> StreamHandler | None:
        """The client has opened a stream for this session; bit 1 of its number (0x2) is set where
        it is unidirectional. What came on it behind its head follows. None refuses it.
        """
        ...

    def datagram_received(self, data: bytes, /) -> None:
        """A datagram for this session, without its number."""
        ...

    def sweep(self, now: float, /) -> float:
        """See to what is due, in seconds of the clock, by up to a tick; returns when to call again
        at the latest. Until the first `wake_at` it need not be called.
        """
        ...


class SessionExchange(Exchange, typing.Protocol):
    """An exchange of HTTP/3 as sessions see it.

    Attributes:
        id: Number of the CONNECT stream, and so of the session.
    """

    id: int

    @property
    def max_datagram(self) -> int:
        """Most bytes of a datagram now; 0 where the client takes none."""
        ...

    def greeted(self, callback: Callable[[], None], /) -> bool:
        """The client's SETTINGS are known; where they are not, call back once they are."""
        ...

    def join(self, session: Session, /) -> None:
        """Have streams and datagrams given to `session` until the CONNECT stream has gone. The
        streams that waited for it are given at once.
        """
        ...

    def open_stream(self, handler: StreamHandler, /, *, bidirectional: bool) -> int:
        """A new stream of the session, with the head that says so already written."""
        ...

    def close_stream(self, stream: int, /) -> None:
        """Forget the handler of a stream whose directions have both ended, or been given up, once
        all that came on it has found its reader: only then may the client open another for it.
        """
        ...

    def wake_at(self, when: float, /) -> None:
        """`Session.sweep` is wanted then, at the latest."""
        ...

    def send_datagram(self, data: bytes, /) -> bool:
        """Send a datagram of the session; False: it was dropped."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class H3Extension:
    """What a protocol of extended CONNECT adds to HTTP/3.

    Attributes:
        settings: Goes into our SETTINGS.
        stream_type: Type of unidirectional streams that belong to a session; its number follows.
        frame_type: What bidirectional ones begin with, in place of a frame; its number follows.
        refused: Code for streams of a session that is not there yet, and of one that refuses them.
        gone: Code for streams of a session that is there no more; None: `refused`.
    """

    settings: Mapping[int, int] = field(default_factory=dict)
    stream_type: int
    frame_type: int
    refused: int
    gone: int | None = None
