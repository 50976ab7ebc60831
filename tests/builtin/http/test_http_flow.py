"""Waiting for a body, or for a client that takes no more: in one task or in several."""

from __future__ import annotations

import pytest

from nonecorn.spi import ClientDisconnectedError
from nonecorn.testing import Cancelled, Gate, MemoryRuntime
from tests.builtin.http.opened import Opened, body, start


class Hands:
    """Gives `receive` and `send` away, so that a test can play several tasks of an application."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.receive = self.send = None

    async def __call__(self, scope, receive, send) -> None:
        self.receive, self.send = receive, send
        await self.gate.wait()


class Task:
    """One call, in a task of its own."""

    def __init__(self, runtime: MemoryRuntime, function, *args) -> None:
        self.result = None
        self.error: Exception | None = None
        self.returned = False
        self._call = (function, args)
        self.job = runtime.spawn(self._run)
        runtime.run_until_idle()

    async def _run(self) -> None:
        function, args = self._call
        try:
            self.result = await function(*args)
            self.returned = True
        except Exception as error:
            self.error = error

    @property
    def waits(self) -> bool:
        return not self.job.done


@pytest.fixture
def hands() -> Hands:
    return Hands()


def more(data: bytes) -> dict:
    return body(data, more_body=True)


def block(opened: Opened) -> None:
    opened.stream.blocked = opened.runtime.waiter()


def unblock(opened: Opened) -> None:
    blocked, opened.stream.blocked = opened.stream.blocked, None
    blocked.set()
    opened.run()


def begin(hands: Hands) -> Opened:
    opened = Opened(hands, method="POST", has_body=True)
    Task(opened.runtime, hands.send, start())
    Task(opened.runtime, hands.send, more(b"x"))
    return opened


# One task -----------------------------------------------------------------------------------------


def test_a_send_hands_over_before_it_waits(hands: Hands) -> None:
    opened = begin(hands)
    block(opened)
    task = Task(opened.runtime, hands.send, more(b"y"))
    assert task.waits
    assert opened.exchange.content == b"xy"
    unblock(opened)
    assert task.returned


def test_a_start_does_not_wait_since_it_sends_nothing(hands: Hands) -> None:
    opened = Opened(hands)
    block(opened)
    assert Task(opened.runtime, hands.send, start()).returned


def test_the_last_send_does_not_wait_for_the_client(hands: Hands) -> None:
    opened = begin(hands)
    block(opened)
    assert Task(opened.runtime, hands.send, body(b"y")).returned


def test_a_client_that_goes_wakes_who_sends(hands: Hands) -> None:
    opened = begin(hands)
    block(opened)
    task = Task(opened.runtime, hands.send, more(b"y"))
    blocked = opened.stream.blocked
    opened.stream.disconnect()
    blocked.set()
    opened.run()
    assert isinstance(task.error, ClientDisconnectedError)


def test_a_cancelled_send_leaves_the_next_one_waiting_and_alive(hands: Hands) -> None:
    opened = begin(hands)
    block(opened)
    first = Task(opened.runtime, hands.send, more(b"y"))
    first.job.cancel()
    opened.run()
    second = Task(opened.runtime, hands.send, more(b"z"))
    assert second.waits
    unblock(opened)
    assert second.returned
    assert opened.exchange.content == b"xyz"


def test_a_cancelled_receive_loses_nothing(hands: Hands) -> None:
    opened = begin(hands)
    first = Task(opened.runtime, hands.receive)
    first.job.cancel()
    opened.run()
    opened.feed(b"data")
    assert Task(opened.runtime, hands.receive).result["body"] == b"data"


# Several tasks ------------------------------------------------------------------------------------


def test_several_tasks_may_wait_for_the_client(hands: Hands) -> None:
    opened = begin(hands)
    block(opened)
    tasks = [Task(opened.runtime, hands.send, more(b"%d" % n)) for n in range(4)]
    assert all(task.waits for task in tasks)
    unblock(opened)
    assert all(task.returned for task in tasks)
    assert opened.exchange.content == b"x0123"


@pytest.mark.parametrize("victim", [0, 1, 3])
def test_one_of_them_may_be_cancelled(hands: Hands, victim: int) -> None:
    opened = begin(hands)
    block(opened)
    tasks = [Task(opened.runtime, hands.send, more(b"%d" % n)) for n in range(4)]
    tasks[victim].job.cancel()
    opened.run()
    left = [task for task in tasks if task is not tasks[victim]]
    assert all(task.waits for task in left)
    unblock(opened)
    assert all(task.returned for task in left)


def test_all_of_them_hear_that_the_client_has_gone(hands: Hands) -> None:
    opened = begin(hands)
    block(opened)
    tasks = [Task(opened.runtime, hands.send, more(b"%d" % n)) for n in range(3)]
    blocked = opened.stream.blocked
    opened.stream.disconnect()
    blocked.set()
    opened.run()
    assert all(isinstance(task.error, ClientDisconnectedError) for task in tasks)


def test_they_wait_again_when_the_client_stalls_again(hands: Hands) -> None:
    opened = begin(hands)
    for _ in range(2):
        block(opened)
        tasks = [Task(opened.runtime, hands.send, more(b".")) for _ in range(2)]
        assert all(task.waits for task in tasks)
        unblock(opened)
        assert all(task.returned for task in tasks)


def test_several_tasks_may_receive(hands: Hands) -> None:
    opened = begin(hands)
    tasks = [Task(opened.runtime, hands.receive) for _ in range(3)]
    for data in (b"one", b"two", b"three"):
        opened.feed(data)
    assert sorted(task.result["body"] for task in tasks) == [b"one", b"three", b"two"]


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_one_of_those_may_be_cancelled(hands: Hands, victim: int) -> None:
    opened = begin(hands)
    tasks = [Task(opened.runtime, hands.receive) for _ in range(3)]
    tasks[victim].job.cancel()
    opened.run()
    left = [task for task in tasks if task is not tasks[victim]]
    opened.feed(b"one")
    opened.feed(b"two")
    assert sorted(task.result["body"] for task in left) == [b"one", b"two"]
    assert all(not task.waits for task in left)


def test_all_of_those_hear_that_the_client_has_gone(hands: Hands) -> None:
    opened = begin(hands)
    tasks = [Task(opened.runtime, hands.receive) for _ in range(3)]
    opened.disconnect()
    assert [task.result["type"] for task in tasks] == ["http.disconnect"] * 3


def test_all_of_those_hear_that_the_response_is_complete(hands: Hands) -> None:
    opened = begin(hands)
    tasks = [Task(opened.runtime, hands.receive) for _ in range(2)]
    Task(opened.runtime, hands.send, body())
    assert [task.result["type"] for task in tasks] == ["http.disconnect"] * 2


def test_cancellation_is_nothing_the_application_has_to_survive(hands: Hands) -> None:
    opened = begin(hands)
    task = Task(opened.runtime, hands.receive)
    task.job.cancel()
    opened.run()
    assert task.job.cancelled
    assert task.error is None
    assert not isinstance(task.job.error, Cancelled)


# Turns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 65536], ids=["small messages", "large messages"])
def test_a_stream_whose_client_takes_everything_lets_others_have_their_turn(size):
    sent: list[int] = []
    turns: list[int] = []

    async def endless(scope, receive, send) -> None:
        await send(start())
        while len(turns) < 3:
            await send(more(b"x" * size))
            sent.append(size)

    opened = Opened(endless, run=False)

    def turn() -> None:
        turns.append(len(sent))
        if len(turns) < 3:
            opened.runtime.end_of_tick(turn)

    opened.runtime.end_of_tick(turn)
    opened.run()
    assert len(turns) == 3
    assert 0 < sum(sent) <= 3 * 17 * 1024 * 1024
    assert len(sent) <= 3 * 600


def test_a_client_that_leaves_in_the_meantime_ends_the_turn():
    errors: list[Exception] = []

    async def endless(scope, receive, send) -> None:
        await send(start())
        try:
            while True:
                await send(more(b"x" * 65536))
        except ClientDisconnectedError as error:
            errors.append(error)
            raise

    opened = Opened(endless, run=False)
    opened.runtime.end_of_tick(opened.stream.disconnect)
    opened.run()
    assert len(errors) == 1


def test_many_tiny_pieces_that_wait_are_few_objects():
    gate = Gate()
    received = []

    async def app(scope, receive, send):
        await gate.wait()
        received.append(await receive())
        await send(start())
        await send(body())

    opened = Opened(app, method="POST", has_body=True)
    for n in range(5000):
        opened.stream.feed(b"%04d" % n, False)
    assert len(opened.stream._chunks) <= 256
    gate.open()
    opened.feed(b"", end=True)
    assert received[0]["body"] == b"".join(b"%04d" % n for n in range(5000))
