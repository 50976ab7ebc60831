"""The rules for protocols: subclass `ProtocolConformance`, name the engine, give a client.

    class TestMyProtocol(ProtocolConformance):
        factory = staticmethod(MyProtocol)
        settings = (MySettings(),)

        def client(self) -> ConformanceClient:
            return MyClient()      # a foreign engine, such as H11Client

Everything runs in memory, on tasks that begin at once and on tasks that begin later. What
these rules mean for a wire format is found out through the client; its own rules belong in tests of
your own.
"""

from __future__ import annotations

import random
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from nonecorn.spi import NEVER, ASGIApp, Context, Limits, ProtocolFactory, Settings
from nonecorn.testing import (
    ClientEngine,
    Gate,
    MemoryPort,
    MemoryRuntime,
    Splitter,
    WirePair,
    bytewise,
    make_context,
    randomly,
    whole,
)
from nonecorn.testing.apps import (
    Gated,
    crash_after_start,
    crash_before_start,
    echo,
    hello,
    never_responds,
)

__all__ = ["ConformanceClient", "ConformanceResponse", "ProtocolConformance", "ProtocolRules"]


class ConformanceResponse(typing.Protocol):
    """An answer as a client engine saw it, filled as the pair is pumped."""

    status: int | None
    body: bytes
    complete: bool


class ConformanceClient(ClientEngine, typing.Protocol):
    """A client engine that can make two kinds of request."""

    def get(self, target: str, /) -> ConformanceResponse:
        """Queue a GET."""
        ...

    def post(self, target: str, body: bytes, /) -> ConformanceResponse:
        """Queue a POST with this body."""
        ...


class ProtocolRules:
    """What the rules share.

    Attributes:
        factory: Makes the engine under test; wrap a class in `staticmethod`.
        settings: Settings objects that the engine looks up in its context.
    """

    factory: ProtocolFactory
    settings: Sequence[Settings] = ()

    def client(self) -> ConformanceClient:
        """A new client engine, written by somebody else."""
        message = "a subclass says which client: def client(self)"
        raise AssertionError(message)

    def context(
        self, app: ASGIApp, runtime: MemoryRuntime, limits: Limits | None = None
    ) -> Context:
        """The context of the engine; override to add upgrades and the like."""
        return make_context(
            app, runtime, settings=self.settings, limits=limits, default=self.factory
        )

    @pytest.fixture(params=[False, True], ids=["lazy", "eager"])
    def runtime(self, request: pytest.FixtureRequest) -> Iterator[MemoryRuntime]:
        """Where the engine runs."""
        runtime = MemoryRuntime(eager=request.param)
        yield runtime
        runtime.close()

    def connect(
        self, app: ASGIApp, runtime: MemoryRuntime, limits: Limits | None = None, **options: Any
    ) -> MemoryPort:
        """A connection of a test that plays the client itself."""
        context = self.context(app, runtime, limits)
        return runtime.connect(lambda port: self.factory(context, port), **options)

    def pair(
        self,
        app: ASGIApp,
        runtime: MemoryRuntime,
        limits: Limits | None = None,
        split: Splitter = whole,
    ) -> WirePair[ConformanceClient]:
        """The engine and a client, joined."""
        context = self.context(app, runtime, limits)
        return WirePair(
            lambda port: self.factory(context, port),
            self.client(),
            runtime=runtime,
            to_server=split,
            to_client=split,
        )

    def record(self, app: ASGIApp = echo) -> bytes:
        """The bytes that a client sends for a POST and a GET, as an engine answered them."""
        runtime = MemoryRuntime()
        pair = self.pair(app, runtime)
        pair.client.post("/one", b"a body of some length")
        pair.client.get("/two?q")
        pair.pump()
        runtime.close()
        return bytes(pair.requested)


class ProtocolConformance(ProtocolRules):
    """Every rule for a protocol that can be told without its wire format, but for back-pressure."""

    @pytest.mark.parametrize("split", [whole, bytewise, randomly(1), randomly(2, longest=3)])
    def test_p01_input_may_be_cut_anywhere(self, runtime: MemoryRuntime, split: Splitter) -> None:
        """P1. However the bytes are cut, in both directions, requests are answered alike."""
        pair = self.pair(echo, runtime, split=split)
        posted = pair.client.post("/", b"x" * 3000)
        got = pair.client.get("/")
        pair.pump()
        assert (posted.status, posted.body, posted.complete) == (200, b"x" * 3000, True)
        assert (got.status, got.body, got.complete) == (200, b"", True)

    def test_p02_the_peer_may_end_anywhere(self, runtime: MemoryRuntime) -> None:
        """P2. After any prefix of its bytes the peer may end its direction: the connection is
        closed, at the latest when its deadlines have passed, and no task is left.
        """  # the docstring is the rule
        data = self.record()
        for end in range(len(data)):
            port = self.connect(echo, runtime)
            port.receive(data[:end])
            runtime.run_until_idle()
            port.eof()
            self._must_end(port, runtime)

    def test_p03_the_connection_may_be_lost_anywhere(self, runtime: MemoryRuntime) -> None:
        """P3. After any prefix the connection may be lost: tasks end, nothing more is written."""
        data = self.record()
        for end in range(len(data)):
            port = self.connect(echo, runtime)
            port.receive(data[:end])
            port.lose(ConnectionResetError())
            sent = port.sent
            runtime.run_until_idle()
            assert port.sent == sent
            assert not runtime.jobs, f"left after {data[:end]!r}"

    @pytest.mark.parametrize("seed", range(50))
    def test_p04_garbage_never_raises(self, runtime: MemoryRuntime, seed: int) -> None:
        """P4. Whatever a peer sends ends its connection at most: no method raises."""
        generator = random.Random(seed)
        data = bytearray(self.record())
        if seed % 2:
            data = bytearray(generator.randbytes(3000))
        for _ in range(generator.randint(1, 20)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        port = self.connect(echo, runtime)
        for piece in randomly(seed, longest=100)(bytes(data)):
            port.receive(piece)
            runtime.run_until_idle()
        port.eof()
        self._must_end(port, runtime)

    def test_p05_a_silent_connection_has_a_deadline(self, runtime: MemoryRuntime) -> None:
        """P5. A peer that says nothing is closed after `limits.keep_alive_timeout` or
        `head_timeout`, and one that stops within its first bytes, too.
        """
        limits = Limits(head_timeout=3, keep_alive_timeout=2, close_timeout=1)
        for sent in (b"", self.record()[:10]):
            port = self.connect(echo, runtime, limits)
            port.receive(sent)
            runtime.run_until_idle()
            assert port.protocol.deadline < NEVER
            runtime.advance(10)
            assert port.closed, f"still open after {sent!r}"

    def test_p06_a_request_under_way_has_time(self, runtime: MemoryRuntime) -> None:
        """P6. While the application works on a complete request no deadline cuts it off, unless
        `limits.app_timeout` is set.
        """
        gate = Gate()
        pair = self.pair(Gated(gate, b"at last"), runtime)
        response = pair.client.get("/")
        pair.pump()
        runtime.advance(3600)
        gate.open()
        pair.pump()
        assert (response.status, response.body) == (200, b"at last")

    def test_p07_an_application_may_be_given_a_time(self, runtime: MemoryRuntime) -> None:
        """P7. With `limits.app_timeout` an application that has not answered is cancelled, and the
        client told 504.
        """
        pair = self.pair(Gated(Gate()), runtime, Limits(app_timeout=5))
        response = pair.client.get("/")
        pair.pump()
        runtime.advance(8)
        pair.pump()
        assert response.status == 504
        assert not runtime.jobs

    def test_p08_an_idle_connection_closes_at_shutdown(self, runtime: MemoryRuntime) -> None:
        """P8. `shutdown` on an idle connection closes it without waiting for a deadline."""
        pair = self.pair(hello, runtime)
        pair.client.get("/")
        pair.pump()
        pair.port.protocol.shutdown()
        pair.pump()
        assert pair.server_closed

    def test_p09_a_request_is_finished_at_shutdown(self, runtime: MemoryRuntime) -> None:
        """P9. `shutdown` during a request lets it end, with its whole response, and then closes."""
        gate = Gate()
        pair = self.pair(Gated(gate, b"whole"), runtime)
        response = pair.client.get("/")
        pair.pump()
        pair.port.protocol.shutdown()
        pair.pump()
        assert not pair.server_closed
        gate.open()
        pair.pump()
        assert (response.status, response.body, response.complete) == (200, b"whole", True)
        assert pair.server_closed

    def test_p10_a_failing_application_is_answered_for(self, runtime: MemoryRuntime) -> None:
        """P10. An application that raises before its response has begun is answered for by 500."""
        pair = self.pair(crash_before_start, runtime)
        response = pair.client.get("/")
        pair.pump()
        assert (response.status, response.complete) == (500, True)

    def test_p11_a_broken_response_looks_broken(self, runtime: MemoryRuntime) -> None:
        """P11. A response that broke off must not look complete to the client."""
        pair = self.pair(crash_after_start, runtime)
        response = pair.client.get("/")
        try:
            pair.pump()
        except Exception:  # noqa: BLE001  # how a client engine tells of it is its own business
            return
        assert not response.complete

    def test_p12_a_waiting_application_hears_of_the_end(self, runtime: MemoryRuntime) -> None:
        """P12. An application that waits in `receive` gets its disconnect when the connection is
        lost.
        """
        pair = self.pair(never_responds, runtime)
        pair.client.get("/")
        pair.pump()
        assert runtime.jobs
        pair.port.lose()
        runtime.run_until_idle()
        assert not runtime.jobs

    def test_p13_it_says_what_it_is(self, runtime: MemoryRuntime) -> None:
        """P13. `repr` tells more than type and address: it is what logs show."""
        port = self.connect(hello, runtime)
        assert " object at 0x" not in repr(port.protocol)

    @pytest.mark.parametrize("seed", range(10))
    def test_p14_connections_do_not_touch_each_other(
        self, runtime: MemoryRuntime, seed: int
    ) -> None:
        """P14. What one client does, well or badly, does not reach another of the same listener,
        whatever they share through the context.
        """
        context = self.context(echo, runtime)
        data = self.record()
        generator = random.Random(seed)
        for _ in range(20):
            port = runtime.connect(lambda port: self.factory(context, port))
            cut = bytearray(data[: generator.randint(1, len(data))])
            if generator.random() < 0.5:
                cut[generator.randrange(len(cut))] = generator.randrange(256)
            port.receive(bytes(cut))
            runtime.run_until_idle()
            if generator.random() < 0.5:
                port.lose()
            pair = WirePair(
                lambda port: self.factory(context, port), self.client(), runtime=runtime
            )
            response = pair.client.post("/", b"mine")
            pair.pump()
            assert (response.status, response.body) == (200, b"mine"), f"after {bytes(cut)!r}"
            pair.close()

    def _must_end(self, port: MemoryPort, runtime: MemoryRuntime) -> None:
        runtime.run_until_idle()
        if not port.closed:
            runtime.advance(120)
        assert port.closed, f"still open: {port.protocol!r}"
        assert not runtime.jobs, f"left: {runtime.jobs!r}"
