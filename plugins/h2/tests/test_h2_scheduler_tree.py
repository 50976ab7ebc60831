"""Who sends next where a client sends the priorities of RFC 7540."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nonecorn_h2._scheduler import FAIR_TURN, Scheduler
from nonecorn_h2._tree import MAX_GROUPS, MAX_STREAMS


def ready(*streams: tuple[int, int, int, bool]) -> Scheduler:
    scheduler = Scheduler()
    for stream in streams:
        scheduler.insert_weighted(*stream)
        scheduler.ready(stream[0])
    return scheduler


def shares(scheduler: Scheduler, count: int) -> Counter[int | None]:
    return Counter(scheduler.next() for _ in range(count))


def few(scheduler: Scheduler) -> list[int | None]:
    """So few turns that none is a fair one, of a scheduler that was not asked yet."""
    return [scheduler.next() for _ in range(FAIR_TURN - 1)]


def test_siblings_share_by_weight() -> None:
    got = shares(ready((1, 0, 200, False), (3, 0, 100, False), (5, 0, 100, False)), 4000)
    assert got[1] == pytest.approx(2000, rel=0.1)
    assert got[3] == pytest.approx(1000, rel=0.1)
    assert got[5] == pytest.approx(1000, rel=0.1)


def test_a_stream_is_served_before_those_that_depend_on_it() -> None:
    scheduler = ready((1, 0, 16, False), (3, 1, 256, False))
    assert few(scheduler) == [1] * (FAIR_TURN - 1)
    scheduler.unready(1)
    assert scheduler.next() == 3


def test_dependents_of_a_stream_that_has_ended_take_its_place() -> None:
    scheduler = ready((1, 0, 16, False), (3, 1, 16, False), (5, 3, 16, False))
    scheduler.remove(1)
    assert few(scheduler) == [3] * (FAIR_TURN - 1)


def test_an_exclusive_stream_takes_its_siblings_below_itself() -> None:
    scheduler = ready((1, 0, 16, False), (3, 0, 16, False), (5, 0, 16, True))
    assert few(scheduler) == [5] * (FAIR_TURN - 1)


def test_a_stream_that_depends_on_none_that_is_known_has_the_default() -> None:
    got = shares(ready((1, 0, 16, False), (3, 99, 256, True)), 1000)
    assert got[1] == pytest.approx(500, rel=0.1)


def test_a_priority_frame_moves_a_stream_while_it_is_ready() -> None:
    scheduler = ready((1, 0, 16, False), (3, 0, 16, False))
    scheduler.reweight(1, 3, 16, False)
    assert few(scheduler) == [3] * (FAIR_TURN - 1)


def test_a_stream_moved_below_its_dependent_changes_places_with_it() -> None:
    # RFC 7540 section 5.3.3: 3 takes the place of 1, and what depends on 3 stays there.
    scheduler = ready((1, 0, 16, False), (3, 1, 16, False), (5, 3, 16, False))
    scheduler.reweight(1, 3, 16, True)
    order = []
    for _ in range(3):
        stream_id = scheduler.next()
        assert stream_id is not None
        order.append(stream_id)
        scheduler.remove(stream_id)
    assert order == [3, 1, 5]
    assert scheduler.next() is None


def test_dependents_of_a_dependent_that_was_moved_have_one_share_each() -> None:
    scheduler = ready((1, 0, 16, False), (3, 1, 16, False), (5, 3, 16, False), (7, 3, 16, False))
    scheduler.reweight(1, 3, 16, False)
    scheduler.insert_weighted(9, 3, 16, False)
    scheduler.ready(9)
    scheduler.unready(3)
    scheduler.remove(1)
    got = shares(scheduler, 3000)
    assert got[5] == pytest.approx(1000, rel=0.1)
    assert got[7] == pytest.approx(1000, rel=0.1)


def test_streams_opened_without_a_priority_have_the_default_weight() -> None:
    scheduler = ready((1, 0, 48, False))
    scheduler.insert(3)
    scheduler.ready(3)
    got = shares(scheduler, 2000)
    assert got[3] == pytest.approx(500, rel=0.2)


def test_a_priority_frame_takes_streams_of_default_priority_to_the_tree() -> None:
    scheduler = Scheduler()
    for stream_id in (1, 3):
        scheduler.insert(stream_id)
        scheduler.ready(stream_id)
    scheduler.reweight(1, 0, 32, False)
    scheduler.reweight(3, 1, 32, False)
    assert few(scheduler) == [1] * (FAIR_TURN - 1)
    scheduler.reweight(1, 3, 32, False)
    assert few(scheduler)[1:] == [3] * (FAIR_TURN - 2)


def test_a_priority_frame_moves_no_stream_that_has_an_urgency() -> None:
    scheduler = ready((1, 0, 16, False))
    scheduler.insert(3, 1, False)
    scheduler.ready(3)
    scheduler.reweight(3, 1, 16, False)
    assert few(scheduler) == [3] * (FAIR_TURN - 1)


def test_an_urgency_takes_a_stream_from_the_tree() -> None:
    scheduler = ready((1, 0, 16, False), (3, 1, 16, False))
    scheduler.reprioritize(3, 0, False)
    assert few(scheduler) == [3] * (FAIR_TURN - 1)
    scheduler.reprioritize(3, 7, False)
    scheduler.next()  # the fair turn
    assert few(scheduler) == [1] * (FAIR_TURN - 1)
    for stream_id in (1, 3):
        scheduler.remove(stream_id)
    assert scheduler.next() is None


def test_the_tree_is_one_incremental_stream_among_those_with_an_urgency() -> None:
    scheduler = ready((1, 0, 16, False), (3, 0, 16, False))
    scheduler.insert(5, 3, True)
    scheduler.insert(7, 4, True)
    for stream_id in (5, 7):
        scheduler.ready(stream_id)
    got = Counter(few(scheduler))
    assert got[7] == 0
    assert abs(got[5] - (got[1] + got[3])) <= 1


def test_streams_without_a_request_group_others() -> None:
    # As nghttp2's and Firefox's clients open: leaders first, 11 with the followers of 3.
    scheduler = Scheduler()
    scheduler.reweight(3, 0, 201, False)
    scheduler.reweight(5, 0, 101, False)
    scheduler.reweight(7, 3, 1, False)
    scheduler.insert_weighted(13, 3, 16, False)
    scheduler.insert_weighted(15, 5, 16, False)
    scheduler.insert_weighted(17, 7, 16, False)
    for stream_id in (13, 15, 17):
        scheduler.ready(stream_id)
    got = shares(scheduler, 3000)
    assert got[13] + got[17] == pytest.approx(2000, rel=0.1)
    scheduler.reweight(3, 0, 1, False)
    assert shares(scheduler, 1000)[15] == pytest.approx(1000, rel=0.1)


def test_a_stream_may_have_its_weight_before_its_request() -> None:
    scheduler = Scheduler()
    scheduler.reweight(1, 0, 16, False)
    scheduler.reweight(3, 0, 240, False)
    scheduler.insert(1)
    scheduler.insert(3)
    assert "groups=0" in repr(scheduler)
    assert scheduler.next() is None
    scheduler.ready(1)
    scheduler.ready(3)
    assert shares(scheduler, 1000)[3] > 850


def test_frames_for_idle_streams_are_bounded_and_the_first_ones_stay() -> None:
    scheduler = Scheduler()
    for stream_id in range(1, 20_001, 2):
        scheduler.reweight(stream_id, stream_id - 2, 256, bool(stream_id % 3))
    assert f"groups={MAX_GROUPS}" in repr(scheduler)
    scheduler.insert_weighted(20_001, 1, 16, False)
    scheduler.ready(20_001)
    assert scheduler.next() == 20_001


def test_streams_beyond_the_tree_are_served_all_the_same() -> None:
    scheduler = Scheduler()
    count = MAX_STREAMS + 50
    for n in range(count):
        scheduler.insert_weighted(2 * n + 1, max(2 * n - 1, 0), 256, bool(n % 2))
        scheduler.ready(2 * n + 1)
    served = []
    while (stream_id := scheduler.next()) is not None:
        served.append(stream_id)
        scheduler.remove(stream_id)
    assert sorted(served) == list(range(1, 2 * count, 2))


def test_the_deepest_chain_can_be_turned_upside_down() -> None:
    scheduler = Scheduler()
    ids = range(1, 2 * MAX_STREAMS, 2)
    for stream_id in ids:
        scheduler.insert_weighted(stream_id, max(stream_id - 2, 0), 16, False)
        scheduler.ready(stream_id)
    for stream_id in ids:
        scheduler.reweight(stream_id, 2 * MAX_STREAMS - 1, 16, True)
        scheduler.reweight(1, stream_id, 16, True)
    for _ in ids:
        stream_id = scheduler.next()
        assert stream_id is not None
        scheduler.remove(stream_id)
    assert scheduler.next() is None


class Model:
    """RFC 7540 section 5.3 as it is written: who depends on whom."""

    def __init__(self) -> None:
        self.parents: dict[int, int] = {}

    def ancestors(self, stream_id: int) -> list[int]:
        found = []
        while stream_id := self.parents[stream_id]:
            found.append(stream_id)
        return found

    def place(self, stream_id: int, depends_on: int, exclusive: bool) -> None:
        if depends_on == stream_id or (depends_on and depends_on not in self.parents):
            depends_on, exclusive = 0, False
        if stream_id in self.parents and depends_on and stream_id in self.ancestors(depends_on):
            self.parents[depends_on] = self.parents[stream_id]
        if exclusive:
            for other, parent in self.parents.items():
                if parent == depends_on and other != stream_id:
                    self.parents[other] = stream_id
        self.parents[stream_id] = depends_on

    def remove(self, stream_id: int) -> None:
        above = self.parents.pop(stream_id)
        for other, parent in self.parents.items():
            if parent == stream_id:
                self.parents[other] = above


IDS = st.integers(0, 10).map(lambda n: 2 * n + 1)
PLACES = st.tuples(st.just(0) | IDS, st.integers(1, 256), st.booleans())
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), PLACES),
        st.tuples(st.just("reweight"), IDS, PLACES),
        st.tuples(st.sampled_from(["ready", "ready", "unready", "remove"]), IDS),
        st.tuples(st.just("next"), st.integers(1, 20)),
    ),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(OPERATIONS)
def test_whatever_happens_no_stream_overtakes_what_it_depends_on(operations) -> None:
    scheduler = Scheduler()
    model = Model()
    opened: dict[int, bool] = {}  # whether it is ready
    newest = -1
    contended = 0
    for name, *args in operations:
        match name, args:
            case "insert", [place]:
                newest += 2
                scheduler.insert_weighted(newest, *place)
                model.place(newest, place[0], place[2])
                opened[newest] = False
            case "reweight", [stream_id, place]:
                scheduler.reweight(stream_id, *place)
                if stream_id in model.parents or stream_id > newest:
                    model.place(stream_id, place[0], place[2])
            case "remove", [stream_id]:
                scheduler.remove(stream_id)
                if opened.pop(stream_id, None) is not None:
                    model.remove(stream_id)
            case "ready" | "unready", [stream_id]:
                getattr(scheduler, name)(stream_id)
                if stream_id in opened:
                    opened[stream_id] = name == "ready"
            case "next", [count]:
                waiting = {stream_id for stream_id, is_ready in opened.items() if is_ready}
                for _ in range(count):
                    chosen = scheduler.next()
                    assert (chosen in waiting) if waiting else (chosen is None)
                    contended += len(waiting) > 1
                    if waiting and (len(waiting) == 1 or contended % FAIR_TURN):
                        assert waiting.isdisjoint(model.ancestors(chosen))
