"""Who sends next by RFC 9218, and what a peer cannot do to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from nonecorn_h2._scheduler import FAIR_TURN, Scheduler


def ready(*streams: tuple[int, int, bool]) -> Scheduler:
    scheduler = Scheduler()
    for stream in streams:
        scheduler.insert(*stream)
        scheduler.ready(stream[0])
    return scheduler


def turns(scheduler: Scheduler, count: int) -> list[int | None]:
    return [scheduler.next() for _ in range(count)]


def drain(scheduler: Scheduler) -> list[int]:
    """The order in which streams of one chunk each are sent."""
    order = []
    while (stream_id := scheduler.next()) is not None:
        order.append(stream_id)
        scheduler.remove(stream_id)
    return order


def test_nobody_sends_where_none_is_ready() -> None:
    scheduler = Scheduler()
    assert scheduler.next() is None
    scheduler.insert(1)
    assert scheduler.next() is None


def test_a_stream_keeps_its_turn_until_it_has_nothing_to_send() -> None:
    scheduler = ready((1, 3, False))
    assert turns(scheduler, 3) == [1, 1, 1]
    scheduler.unready(1)
    assert scheduler.next() is None
    scheduler.ready(1)
    assert scheduler.next() == 1


def test_streams_by_default_are_sent_whole_in_the_order_of_their_requests() -> None:
    scheduler = Scheduler()
    for stream_id in (1, 3, 5):
        scheduler.insert(stream_id)
    for stream_id in (5, 1, 3):
        scheduler.ready(stream_id)
    assert turns(scheduler, 4) == [1, 1, 1, 1]
    assert drain(scheduler) == [1, 3, 5]


def test_the_lowest_urgency_number_goes_first() -> None:
    scheduler = ready((1, 7, False), (3, 0, False), (5, 3, False), (7, 0, True), (9, 3, True))
    order = drain(scheduler)
    assert set(order[:2]) == {3, 7}
    assert set(order[2:4]) == {5, 9}
    assert order[4:] == [1]


def test_incremental_streams_of_one_urgency_take_turns() -> None:
    scheduler = ready((1, 2, True), (3, 2, True), (5, 2, True), (7, 4, True))
    assert turns(scheduler, 7) == [1, 3, 5, 1, 3, 5, 1]


def test_the_serial_streams_together_have_one_share_beside_incremental_ones() -> None:
    scheduler = ready((1, 3, False), (3, 3, True), (5, 3, False), (7, 3, True))
    assert turns(scheduler, 6) == [1, 3, 7, 1, 3, 7]
    scheduler.remove(1)
    assert set(turns(scheduler, 3)) == {5, 3, 7}


def test_one_that_comes_late_waits_for_the_others_turns_once() -> None:
    scheduler = ready((1, 3, True), (3, 3, True))
    assert turns(scheduler, 2) == [1, 3]
    scheduler.insert(5, 3, True)
    scheduler.ready(5)
    assert turns(scheduler, 3) == [1, 3, 5]


def test_incremental_streams_share_evenly() -> None:
    scheduler = ready(*((stream_id, 3, True) for stream_id in range(1, 20, 2)))
    shares = Counter(turns(scheduler, 1000))
    assert len(shares) == 10
    assert max(shares.values()) - min(shares.values()) <= 7  # the fair turns are few


def test_a_stream_that_may_not_send_holds_back_nobody() -> None:
    scheduler = ready((1, 0, False), (3, 3, True), (5, 3, True))
    scheduler.unready(1)
    assert turns(scheduler, 2) == [3, 5]
    scheduler.unready(3)
    assert scheduler.next() == 5
    scheduler.ready(1)
    assert scheduler.next() == 1


def test_removal_while_ready() -> None:
    scheduler = ready((1, 3, True), (3, 3, False), (5, 3, False))
    for stream_id in (3, 1, 5):
        scheduler.remove(stream_id)
        assert stream_id not in turns(scheduler, 4)
    assert scheduler.next() is None


def test_calls_that_say_nothing_new_change_nothing() -> None:
    scheduler = ready((1, 3, True), (3, 3, True))
    scheduler.ready(1)
    assert turns(scheduler, 4) == [1, 3, 1, 3]
    for _ in range(2):
        scheduler.unready(1)
    assert turns(scheduler, 2) == [3, 3]
    for _ in range(2):
        scheduler.remove(1)
        scheduler.remove(99)
        scheduler.unready(99)
    assert turns(scheduler, 2) == [3, 3]


def test_a_stream_that_has_ended_does_not_come_back() -> None:
    scheduler = ready((1, 3, False))
    scheduler.remove(1)
    scheduler.ready(1)
    scheduler.reprioritize(1, 0, False)
    scheduler.reweight(1, 0, 16, False)
    assert scheduler.next() is None
    assert scheduler.early == 0


def test_priority_changes_while_a_stream_is_ready() -> None:
    scheduler = ready((1, 3, False), (3, 3, False))
    scheduler.reprioritize(3, 1, False)
    assert scheduler.next() == 3
    scheduler.reprioritize(3, 5, False)
    assert scheduler.next() == 1
    scheduler.reprioritize(3, 3, True)
    assert set(turns(scheduler, 2)) == {1, 3}
    assert sorted(drain(scheduler)) == [1, 3]


def test_priority_changes_while_a_stream_is_not_ready() -> None:
    scheduler = ready((1, 3, False))
    scheduler.insert(3, 3, False)
    scheduler.reprioritize(3, 0, False)
    assert scheduler.next() == 1
    scheduler.ready(3)
    assert scheduler.next() == 3


def test_an_update_before_the_request_prevails_over_its_field() -> None:
    scheduler = Scheduler()
    scheduler.reprioritize(3, 7, False)
    scheduler.reprioritize(3, 0, False)
    assert scheduler.early == 1
    scheduler.insert(1, 1, False)
    scheduler.insert(3, 5, True)
    assert scheduler.early == 0
    scheduler.ready(1)
    scheduler.ready(3)
    assert drain(scheduler) == [3, 1]


def test_an_update_before_the_request_prevails_over_weights() -> None:
    scheduler = Scheduler()
    scheduler.reprioritize(3, 0, False)
    scheduler.insert_weighted(1, 0, 256, False)
    scheduler.insert_weighted(3, 1, 1, False)
    scheduler.ready(1)
    scheduler.ready(3)
    assert turns(scheduler, 3) == [3, 3, 3]


def test_updates_for_idle_streams_are_bounded_and_the_last_ones_count() -> None:
    scheduler = Scheduler(limit=4)
    for stream_id in range(1, 100_000, 2):
        scheduler.reprioritize(stream_id, 0, False)
    assert scheduler.early == 4
    scheduler.insert(1)
    scheduler.insert(99_999)
    scheduler.ready(1)
    scheduler.ready(99_999)
    assert drain(scheduler) == [99_999, 1]


def test_no_updates_are_kept_where_no_streams_may_open() -> None:
    scheduler = Scheduler(limit=0)
    scheduler.reprioritize(1, 0, False)
    assert scheduler.early == 0


def test_idle_streams_that_can_open_no_more_are_forgotten() -> None:
    scheduler = Scheduler()
    for stream_id in (1, 3, 7):
        scheduler.reprioritize(stream_id, 0, False)
    scheduler.insert(5)
    assert scheduler.early == 1


def test_updates_for_streams_that_only_the_server_opens_are_not_kept() -> None:
    scheduler = Scheduler()
    scheduler.reprioritize(2, 0, False)
    assert scheduler.early == 0


def test_streams_need_not_be_inserted_in_the_order_of_their_requests() -> None:
    scheduler = ready((1, 3, False), (5, 3, False), (3, 3, False))
    scheduler.remove(5)
    scheduler.reprioritize(5, 0, False)
    assert scheduler.early == 0
    assert drain(scheduler) == [1, 3]


def test_what_an_update_before_the_request_said_is_told() -> None:
    scheduler = Scheduler()
    scheduler.reprioritize(3, 6, True)
    assert scheduler.said_early(1) is None
    assert scheduler.said_early(3) == (6, True)
    scheduler.insert(3)
    assert scheduler.said_early(3) is None


def test_streams_that_were_refused_are_forgotten() -> None:
    scheduler = Scheduler()
    for stream_id in (1, 3, 7):
        scheduler.reprioritize(stream_id, 0, False)
    scheduler.skip(3)
    assert scheduler.early == 1


def test_streams_alternate_where_one_urgency_has_shares() -> None:
    assert not Scheduler().alternates
    assert not ready((1, 3, True)).alternates
    assert not ready((1, 3, False), (3, 3, False)).alternates
    assert not ready((1, 2, True), (3, 3, True)).alternates
    assert ready((1, 3, True), (3, 3, True)).alternates
    assert ready((1, 3, False), (3, 3, True)).alternates
    weighted = Scheduler()
    for stream_id in (1, 3):
        weighted.insert_weighted(stream_id, 0, 16, False)
        weighted.ready(stream_id)
    assert weighted.alternates


def test_pushed_streams_leave_idle_ones_idle() -> None:
    scheduler = Scheduler()
    scheduler.insert(1)
    scheduler.insert(8)
    scheduler.reprioritize(3, 0, False)
    scheduler.insert(3)
    for stream_id in (1, 3, 8):
        scheduler.ready(stream_id)
    assert drain(scheduler) == [3, 1, 8]


def test_nobody_waits_for_ever() -> None:
    scheduler = ready((1, 0, False), (3, 0, False), (5, 0, True), (7, 7, False), (9, 7, False))
    shares = Counter(turns(scheduler, 1600))
    assert all(shares[stream_id] >= 20 for stream_id in (1, 3, 5, 7, 9))
    assert shares[7] + shares[9] <= 40


def test_short_responses_are_sent_in_strict_order() -> None:
    scheduler = ready((1, 7, False), (3, 3, False))
    assert turns(scheduler, FAIR_TURN - 1) == [3] * (FAIR_TURN - 1)


def test_a_scheduler_tells_what_it_holds() -> None:
    scheduler = ready((1, 3, False), (3, 3, False))
    scheduler.unready(1)
    scheduler.reprioritize(9, 1, False)
    assert repr(scheduler) == "<Scheduler streams=2 ready=[3] early=1>"


@dataclass
class Stream:
    urgency: int
    incremental: bool
    ready: bool = False
    waited: int = 0


IDS = st.integers(0, 12).map(lambda n: 2 * n + 1)
LEVELS = st.tuples(st.integers(0, 7), st.booleans())
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), LEVELS),
        st.tuples(st.just("reprioritize"), IDS, LEVELS),
        st.tuples(st.sampled_from(["ready", "ready", "unready", "remove"]), IDS),
        st.tuples(st.just("next"), st.integers(1, 40)),
    ),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(OPERATIONS)
def test_whatever_happens_the_order_is_that_of_a_plain_list(operations) -> None:
    scheduler = Scheduler()
    streams: dict[int, Stream] = {}
    early: dict[int, tuple[int, bool]] = {}
    newest = -1
    contended = 0
    for name, *args in operations:
        match name, args:
            case "insert", [level]:
                newest += 2
                scheduler.insert(newest, *level)
                streams[newest] = Stream(*early.pop(newest, level))
            case "reprioritize", [stream_id, level]:
                scheduler.reprioritize(stream_id, *level)
                if stream_id in streams:
                    streams[stream_id].urgency, streams[stream_id].incremental = level
                elif stream_id > newest:
                    early[stream_id] = level
            case "remove", [stream_id]:
                scheduler.remove(stream_id)
                streams.pop(stream_id, None)
            case "ready" | "unready", [stream_id]:
                getattr(scheduler, name)(stream_id)
                if stream_id in streams:
                    streams[stream_id].ready = name == "ready"
                    streams[stream_id].waited = 0
            case "next", [count]:
                for _ in range(count):
                    contended = check_turn(scheduler, streams, contended)


def check_turn(scheduler: Scheduler, streams: dict[int, Stream], contended: int) -> int:
    chosen = scheduler.next()
    waiting = {stream_id: stream for stream_id, stream in streams.items() if stream.ready}
    if chosen is None:
        assert not waiting
        return contended
    stream = waiting[chosen]
    for other in waiting.values():
        other.waited += 1
        assert other.waited <= FAIR_TURN * len(streams)
    stream.waited = 0
    if len(waiting) == 1:
        return contended
    contended += 1
    if contended % FAIR_TURN:
        assert stream.urgency == min(other.urgency for other in waiting.values())
        serial = [
            stream_id
            for stream_id, other in waiting.items()
            if other.urgency == stream.urgency and not other.incremental
        ]
        assert stream.incremental or chosen == min(serial)
    return contended
