"""Where workers stand among each other."""

import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from nonecorn.spi import Place
from nonecorn.supervisor.places import Places

PLAN = SimpleNamespace(datagrams=True, server=SimpleNamespace(user=None, group=None))


@pytest.fixture
def places():
    made = Places()
    yield made
    made.claim()
    made.close()


def test_each_worker_has_a_number_of_its_own_and_all_share_a_directory_and_a_secret(places):
    made = [places.next(PLAN) for _ in range(50)]
    assert len({place.identity for place in made}) == 50
    assert {0 <= place.identity < 65536 for place in made} == {True}
    assert len({place.directory for place in made}) == len({place.secret for place in made}) == 1
    assert stat.S_IMODE(Path(made[0].directory).stat().st_mode) == 0o700


def test_a_number_that_another_program_uses_is_left_to_it(places):
    first = places.next(PLAN)
    for number in range(1, 200):  # a step is of 64 at most
        Path(first.directory, str((first.identity + number) % 65536)).symlink_to("nowhere")
    found = places.next(PLAN).identity
    assert (found - first.identity) % 65536 >= 200


def test_the_program_that_takes_over_derives_the_same_keys(places):
    place = places.next(PLAN)
    heir = Places(places.as_json()).next(PLAN)
    assert heir.key("tokens") == place.key("tokens")
    assert heir.directory == place.directory
    assert heir.key("tokens") != heir.key("resets")


def test_the_directory_stays_with_who_owns_it(places):
    directory = places.next(PLAN).directory
    heir = Places(places.as_json())
    heir.close()
    assert Path(directory).is_dir()
    heir.claim()
    heir.close()
    assert not Path(directory).exists()


def test_nothing_is_made_where_nobody_needs_it(places):
    plan = SimpleNamespace(datagrams=False)
    assert places.next(plan).directory == ""
    assert places.next(plan).identity == 0


def test_a_secret_does_not_show():
    assert "secret" not in repr(Place(secret=b"secret"))
