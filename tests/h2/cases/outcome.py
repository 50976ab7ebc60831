"""A case: what is sent on a fresh connection, and what must come of it.

Outcomes are functions of the client. Where RFC 9113 names a stream error, a connection error of the
same code will do too (section 5.4.2 leaves an endpoint that much); never silence, never a wrong
code, and after a reset stream the connection must go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.h2 import frames as f
from tests.h2.client import Client

Play = Callable[[Client], None]
Outcome = Callable[[Client], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a table.

    Attributes:
        section: Of RFC 9113, unless it says otherwise.
        name: What is done.
        play: Bytes to send, or a function of the client that sends them.
        outcome: Checks what comes.
        settings: The client's own.
        greet: Exchange SETTINGS first.
    """

    section: str
    name: str
    play: bytes | Play
    outcome: Outcome
    settings: tuple[tuple[int, int], ...] = ()
    greet: bool = True

    def __str__(self) -> str:
        return f"{self.section} {self.name}"

    def run(self, client: Client) -> None:
        if self.greet:
            client.start(*self.settings)
        if isinstance(self.play, bytes):
            client.send(self.play)
        else:
            self.play(client)
        self.outcome(client)


def case(section: str, name: str, play: bytes | Play, outcome: Outcome, **more: object) -> Case:
    return Case(section=section, name=name, play=play, outcome=outcome, **more)  # type: ignore[arg-type]


def connection_error(*codes: int) -> Outcome:
    """GOAWAY with one of these codes, and the end of the connection."""

    def check(client: Client) -> None:
        client.until_closed()
        assert client.goaways, f"closed without GOAWAY: {client!r}"
        assert client.goaways[-1][1] in codes, client

    return check


def stream_error(*codes: int, stream: int = 1) -> Outcome:
    """RST_STREAM with one of these codes on a connection that goes on; or a connection error."""

    def check(client: Client) -> None:
        client.wait(lambda: client[stream].reset is not None or client.goaways)
        if client[stream].reset is None:
            connection_error(*codes)(client)
            return
        assert client[stream].reset in codes, client
        client.sync()

    return check


def malformed(stream: int = 1) -> Outcome:
    """Section 8.1.1: a stream error PROTOCOL_ERROR, or a response that says 400 before it."""

    def check(client: Client) -> None:
        client.wait(lambda: client[stream].done or client.goaways)
        if client[stream].status == 400:
            client.sync()
            return
        assert client[stream].status is None, f"it was served: {client!r}"
        stream_error(f.PROTOCOL_ERROR, stream=stream)(client)

    return check


def closed(client: Client) -> None:
    """The connection ends, with or without a word."""
    client.until_closed()


def alive(client: Client) -> None:
    """Nothing happens: PING is answered, and nothing was reset."""
    client.sync()
    assert not client.goaways, client
    assert all(each.reset is None for each in client.streams.values()), client


def answered(data: bytes | None = None, *, stream: int = 1, status: int = 200) -> Outcome:
    """A complete response on this stream, on a connection that goes on."""

    def check(client: Client) -> None:
        response = client.response(stream)
        assert response.reset in (None, f.NO_ERROR), client
        assert response.status == status, client
        if data is not None:
            assert bytes(response.data) == data, client
        alive(client)

    return check


def first_data(size: int, *, stream: int = 1) -> Outcome:
    """The first DATA frame has this length."""

    def check(client: Client) -> None:
        client.credit = False
        client.wait(lambda: client[stream].pieces or client[stream].done)
        assert client[stream].pieces[:1] == [size], client
        client.sync()
        assert client[stream].pieces == [size], f"more than the window: {client!r}"

    return check
