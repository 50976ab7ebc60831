"""The rules for streams: subclass `StreamConformance` and name the factory.

    class TestMyStream(StreamConformance):
        factory = staticmethod(MyStream)

As it stands it speaks HTTP to the application. A stream of another kind says in `answer` what its
application sends to begin and to go on, and in `encode` how a peer's message looks on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from nonecorn.spi import ASGIApp, Context, Headers, Message, Receive, Scope, Send, StreamFactory
from nonecorn.testing import Gate, MemoryRuntime, make_context
from nonecorn.testing.exchange import MemoryExchange

__all__ = ["StreamConformance"]

_ANSWER: tuple[Message, ...] = (
    {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]},
    {"type": "http.response.body", "body": b"some", "more_body": True},
)


class StreamConformance:
    """Every rule for a stream that does not depend on its message types.

    Attributes:
        factory: Makes the stream under test; wrap a class in `staticmethod`.
        scope_type: The scope's `type`.
        method: Method the stream is made with.
        headers: Header fields it is made with.
        has_body: Whether it is made with a body to come.
        first: Messages the application receives before any of the peer's bytes.
        answer: Messages the application sends to begin its response and to send on: the last may be
            repeated.
        closing: The disconnect message's type.
    """

    factory: StreamFactory
    scope_type = "http"
    method = "POST"
    headers: Headers = [(b"host", b"test")]  # noqa: RUF012  # overridden, never changed
    has_body = True
    first: Sequence[str] = ()
    answer: Sequence[Message] = _ANSWER
    closing = "http.disconnect"

    def encode(self, data: bytes) -> bytes:
        """How the peer sends `data`."""
        return data

    def decode(self, message: Message) -> bytes:
        """What of the peer's data a received message holds."""
        body: bytes = message.get("body") or b""
        return body

    @pytest.fixture(params=[False, True], ids=["lazy", "eager"])
    def runtime(self, request: pytest.FixtureRequest) -> Iterator[MemoryRuntime]:
        """Where the stream runs."""
        runtime = MemoryRuntime(eager=request.param)
        yield runtime
        runtime.close()

    def open(
        self, app: ASGIApp, runtime: MemoryRuntime, *, blocked: bool = False, **overrides: Any
    ) -> tuple[Any, MemoryExchange, Context]:
        """Make a stream and spawn it, as a protocol does; `blocked`: the peer takes nothing."""
        context = make_context(app, runtime, **overrides)
        exchange = MemoryExchange()
        port = runtime.connect(_Idle)
        stream = self.factory(
            context, exchange, port, "1.1", self.method, b"/a%20b", b"q=1", list(self.headers),
            self.has_body,
        )  # fmt: skip
        if blocked:
            stream.blocked = runtime.waiter()
        stream.job = runtime.spawn(stream.run)
        return stream, exchange, context

    def test_s01_the_application_is_called_once(self, runtime: MemoryRuntime) -> None:
        """S1. `run` calls the application once, with a scope of this stream's type."""
        scopes: list[Scope] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scopes.append(scope)

        self.open(app, runtime)
        runtime.run_until_idle()
        assert [scope["type"] for scope in scopes] == [self.scope_type]
        scope = scopes[0]
        assert scope["asgi"]["version"] == "3.0"
        assert (scope["path"], scope["raw_path"], scope["query_string"]) == (
            "/a b",
            b"/a%20b",
            b"q=1",
        )
        assert [tuple(field) for field in scope["headers"]] == self.headers

    def test_s02_scopes_share_nothing_but_the_state(self, runtime: MemoryRuntime) -> None:
        """S2. Each stream's scope is its own; `state` is a shallow copy of the lifespan's."""
        scopes: list[Scope] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scopes.append(scope)
            scope["state"]["own"] = True
            scope["extensions"]["own"] = {}

        state: dict[str, Any] = {"shared": object()}
        for _ in range(2):
            self.open(app, runtime, state=state)
            runtime.run_until_idle()
        one, two = scopes
        assert one is not two
        assert one["state"]["shared"] is two["state"]["shared"]
        assert "own" not in state

    def test_s03_errors_of_the_application_stay_within(self, runtime: MemoryRuntime) -> None:
        """S3. What the application raises is answered for; only cancellation leaves `run`."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            message = "of the application"
            raise LookupError(message)

        _, exchange, context = self.open(app, runtime)
        runtime.run_until_idle()
        assert exchange.ended or exchange.was_reset
        assert exchange.status is None or exchange.status >= 400
        assert not context.running

    def test_s04_an_error_within_the_response_resets(self, runtime: MemoryRuntime) -> None:
        """S4. When the application fails after its response has begun, the peer can tell that it is
        not whole.
        """

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await self._begin(receive, send)
            message = "of the application"
            raise LookupError(message)

        _, exchange, _ = self.open(app, runtime)
        runtime.run_until_idle()
        assert exchange.was_reset or exchange.tunnelled

    def test_s05_it_stands_in_running_while_it_runs(self, runtime: MemoryRuntime) -> None:
        """S5. `context.running` holds the stream while, and only while, `run` runs."""
        gate = Gate()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await gate.wait()

        stream, _, context = self.open(app, runtime)
        runtime.run_until_idle()
        assert stream in context.running
        gate.open()
        runtime.run_until_idle()
        assert not context.running

    def test_s06_data_arrives_in_order(self, runtime: MemoryRuntime) -> None:
        """S6. What is fed is received in order, and `consumed` gives back as much."""
        received: list[bytes] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await self._begin(receive, send)
            while sum(map(len, received)) < 6:
                received.append(self.decode(await receive()))

        stream, exchange, _ = self.open(app, runtime)
        runtime.run_until_idle()
        wire = [self.encode(piece) for piece in (b"ab", b"cd", b"ef")]
        for piece in wire:
            stream.feed(piece, False)
        runtime.run_until_idle()
        assert b"".join(received) == b"abcdef"
        assert exchange.consumed_bytes == sum(map(len, wire))

    def test_s07_receive_waits(self, runtime: MemoryRuntime) -> None:
        """S7. `receive` waits while there is nothing to receive, and gives no credit meanwhile."""
        received: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await self._begin(receive, send)
            received.append(await receive())

        _, exchange, _ = self.open(app, runtime)
        runtime.run_until_idle()
        assert not received
        assert exchange.consumed_bytes == 0

    def test_s08_disconnect_is_received(self, runtime: MemoryRuntime) -> None:
        """S8. After `disconnect`, `receive` says so, again and again, and at once where it waits;
        `disconnect` may be called twice.
        """  # the docstring is the rule
        received: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for _ in self.first:
                await receive()
            received.append((await receive())["type"])
            received.append((await receive())["type"])

        stream, _, _ = self.open(app, runtime)
        runtime.run_until_idle()
        stream.disconnect()
        stream.disconnect()
        runtime.run_until_idle()
        assert received == [self.closing] * 2
        assert not runtime.jobs

    def test_s09_send_raises_after_disconnect(self, runtime: MemoryRuntime) -> None:
        """S9. `send` after `disconnect` raises an `OSError`; one that the application lets out is
        not logged as its failure.
        """
        gate = Gate()
        raised: list[Exception] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await self._begin(receive, send)
            await gate.wait()
            try:
                await send(dict(self.answer[-1]))
            except Exception as error:
                raised.append(error)
                raise

        stream, exchange, _ = self.open(app, runtime)
        runtime.run_until_idle()
        sent = exchange.content
        stream.disconnect()
        gate.open()
        runtime.run_until_idle()
        assert [isinstance(error, OSError) for error in raised] == [True]
        assert exchange.content == sent

    def test_s10_send_waits_while_blocked(self, runtime: MemoryRuntime) -> None:
        """S10. While `blocked` is set, `send` does not return; once its waiter is set, it does."""
        done: list[bool] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await self._begin(receive, send)
            done.append(True)

        stream, _, _ = self.open(app, runtime, blocked=True)
        runtime.run_until_idle()
        assert not done
        blocked, stream.blocked = stream.blocked, None
        blocked.set()
        runtime.run_until_idle()
        assert done

    def test_s11_expire_ends_the_application(self, runtime: MemoryRuntime) -> None:
        """S11. `expire` cancels the application and ends the response, with 504 where none had
        begun.
        """

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await Gate().wait()

        stream, exchange, context = self.open(app, runtime)
        runtime.run_until_idle()
        stream.expire()
        runtime.run_until_idle()
        assert not runtime.jobs
        assert not context.running
        assert exchange.was_reset or exchange.status == 504

    def test_s12_cancellation_passes(self, runtime: MemoryRuntime) -> None:
        """S12. Cancellation of its task goes through `run`: it is not swallowed, and leaves
        nothing.
        """

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await Gate().wait()

        stream, _, context = self.open(app, runtime)
        runtime.run_until_idle()
        stream.job.cancel()
        runtime.run_until_idle()
        assert stream.job.cancelled
        assert not context.running

    def test_s13_a_returning_application_is_answered_for(self, runtime: MemoryRuntime) -> None:
        """S13. When the application returns without having completed its response, the peer is
        told.
        """

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            return

        _, exchange, _ = self.open(app, runtime)
        runtime.run_until_idle()
        assert exchange.ended or exchange.was_reset

    def test_s14_it_says_what_it_is(self, runtime: MemoryRuntime) -> None:
        """S14. `repr` tells more than type and address."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await Gate().wait()

        stream, _, _ = self.open(app, runtime)
        assert " object at 0x" not in repr(stream)

    async def _begin(self, receive: Receive, send: Send) -> None:
        for kind in self.first:
            message = await receive()
            assert message["type"] == kind
        for each in self.answer:
            await send(dict(each))


class _Idle:
    """A protocol that does nothing, for a port that is only asked for its facts."""

    deadline = float("inf")

    def __init__(self, port: object) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def sweep(self) -> None: ...
    def shutdown(self) -> None: ...
