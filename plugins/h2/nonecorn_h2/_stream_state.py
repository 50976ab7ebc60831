"""What engine and connection both know of one stream that is open."""

from __future__ import annotations


class StreamState:
    """One stream's directions and windows.

    Attributes:
        id: Its number.
        peer_ended: The client has sent END_STREAM (half-closed, remote).
        we_ended: We have (half-closed, local).
        window_in: Bytes that the client may still send; the engine counts down, who returns credit
            counts up.
        window_out: Bytes that we may; less than nothing after SETTINGS that took some away (RFC
            9113 section 6.9.2).
        expected: Bytes that `content-length` still promises; -1 where there was none.
    """

    __slots__ = ("expected", "id", "peer_ended", "we_ended", "window_in", "window_out")

    def __init__(self, stream_id: int, window_in: int, window_out: int, *, ended: bool) -> None:
        self.id = stream_id
        self.window_in = window_in
        self.window_out = window_out
        self.peer_ended = ended
        self.we_ended = False
        self.expected = -1
