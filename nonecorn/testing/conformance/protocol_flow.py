"""The rules for a protocol's back-pressure, beside those of `ProtocolConformance`.

What is bounded, and by what: request body that the application has not received, by
`limits.receive_buffer`; response that the peer has not taken, by `limits.send_buffer`; a peer that
takes nothing, by `limits.write_timeout`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nonecorn.spi import ASGIApp, Limits, Receive, Scope, Send
from nonecorn.testing import Gate, MemoryRuntime, WirePair, at
from nonecorn.testing.apps import Chunks, IgnoresDisconnect, hello, read_body, respond
from nonecorn.testing.conformance.protocol import ConformanceClient, ProtocolRules

__all__ = ["ProtocolFlowConformance"]

PIECE = 4096
LARGE = 1 << 20


def _pieces(data: bytes) -> Iterator[bytes]:
    return at(*range(PIECE, len(data), PIECE))(data)


class ProtocolFlowConformance(ProtocolRules):
    """The rules of flow control."""

    def test_f01_unreceived_body_is_bounded(self, runtime: MemoryRuntime) -> None:
        """F1. While the application does not receive, no more of a request's body is accepted than
        `limits.receive_buffer`, give or take one read and the framing; what it receives later is
        whole.
        """  # the docstring is the rule
        gate = Gate()
        bodies: list[bytes] = []

        async def waits_then_reads(scope: Scope, receive: Receive, send: Send) -> None:
            await gate.wait()
            bodies.append((await read_body(receive))[0])
            await respond(send, b"")

        limits = Limits(receive_buffer=16384)
        pair = self._pair(waits_then_reads, runtime, limits)
        response = pair.client.post("/", b"x" * LARGE)
        pair.pump()
        accepted = pair.port.delivered
        assert accepted <= limits.receive_buffer + 4 * PIECE, f"{accepted} bytes accepted"
        gate.open()
        pair.pump()
        assert bodies == [b"x" * LARGE]
        assert response.status == 200

    def test_f02_untaken_response_is_bounded(self, runtime: MemoryRuntime) -> None:
        """F2. While the peer takes nothing, `send` waits once more than `limits.send_buffer` is
        buffered; when it takes again, all arrives.
        """
        limits = Limits(send_buffer=16384)
        pair = self._pair(Chunks([b"y" * PIECE] * 256), runtime, limits)
        pair.port.block()
        response = pair.client.get("/")
        pair.pump()
        held = pair.port.buffered()
        assert held <= limits.send_buffer + 4 * PIECE, f"{held} bytes buffered"
        assert runtime.jobs, "send() did not wait"
        pair.port.drain()
        pair.pump()
        assert (response.body, response.complete) == (b"y" * PIECE * 256, True)

    def test_f03_a_peer_that_takes_nothing_is_cut_off(self, runtime: MemoryRuntime) -> None:
        """F3. After `limits.write_timeout` without a byte taken the connection is aborted, and the
        application's `send` raises an `OSError`.
        """
        app = IgnoresDisconnect(count=500)
        pair = self._pair(app, runtime, Limits(send_buffer=16384, write_timeout=5))
        pair.port.block()
        pair.client.get("/")
        pair.pump()
        runtime.advance(8)
        assert pair.port.closed
        runtime.run_until_idle()
        assert app.errors
        assert all(isinstance(error, OSError) for error in app.errors)

    def test_f04_a_slow_peer_is_not_cut_off(self, runtime: MemoryRuntime) -> None:
        """F4. A peer that takes bytes within each `limits.write_timeout` is served to the end."""
        limits = Limits(send_buffer=16384, write_timeout=5)
        pair = self._pair(Chunks([b"y" * PIECE] * 8), runtime, limits)
        pair.port.block()
        response = pair.client.get("/")
        pair.pump()
        while pair.port.buffered():
            pair.port.drain(PIECE)
            runtime.advance(3)
            pair.pump()
            assert not pair.port.aborted
        pair.port.drain()
        pair.pump()
        assert (response.body, response.complete) == (b"y" * PIECE * 8, True)

    def test_f05_send_raises_once_the_client_has_gone(self, runtime: MemoryRuntime) -> None:
        """F5. `send` raises an `OSError` once the connection is lost, also one that waits."""
        app = IgnoresDisconnect(count=500)
        pair = self._pair(app, runtime, Limits(send_buffer=16384))
        pair.port.block()
        pair.client.get("/")
        pair.pump()
        assert not app.errors
        pair.port.lose()
        runtime.run_until_idle()
        assert app.errors
        assert all(isinstance(error, OSError) for error in app.errors)
        assert not runtime.jobs

    def test_f06_requests_that_wait_are_bounded(self, runtime: MemoryRuntime) -> None:
        """F6. A client that sends request after request without reading what comes back cannot make
        the server buffer without bound, either way.
        """
        limits = Limits(send_buffer=16384)
        record = bytes(self._recorded_get())
        pair = self._pair(hello, runtime, limits)
        pair.port.block()
        for _ in range(2000):
            pair.port.receive(record)
        runtime.run_until_idle()
        assert pair.port.buffered() <= 4 * limits.send_buffer

    def _pair(
        self, app: ASGIApp, runtime: MemoryRuntime, limits: Limits
    ) -> WirePair[ConformanceClient]:
        context = self.context(app, runtime, limits)

        return WirePair(
            lambda port: self.factory(context, port),
            self.client(),
            runtime=runtime,
            to_server=_pieces,
            send_buffer=limits.send_buffer,
        )

    def _recorded_get(self) -> bytes:
        runtime = MemoryRuntime()
        pair = self.pair(hello, runtime)
        pair.client.get("/")
        pair.pump()
        runtime.close()
        return bytes(pair.requested)
