"""Stands in for a protocol while the handshake has not told which one is wanted."""

from __future__ import annotations


class Nobody:
    """A `QuicProtocol` that hears nothing."""

    __slots__ = ("deadline",)

    def __init__(self) -> None:
        self.deadline = float("inf")

    def __repr__(self) -> str:
        return "<Nobody>"

    def stream_data(self, stream: int, data: bytes, end: bool) -> None:
        """Nothing."""

    def stream_reset(self, stream: int, code: int) -> None:
        """Nothing."""

    def stream_stopped(self, stream: int, code: int) -> None:
        """Nothing."""

    def pause_writing(self, stream: int) -> None:
        """Nothing."""

    def resume_writing(self, stream: int) -> None:
        """Nothing."""

    def datagram_received(self, data: bytes) -> None:
        """Nothing."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing."""

    def sweep(self) -> None:
        """Nothing."""

    def shutdown(self) -> None:
        """Nothing."""
