"""G15: an hour without Stripe, in moved time; nobody seen lately is refused, nobody known revoked is admitted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from drill import DOWN, LAST, UP, Drill, drilled, town

pytestmark = pytest.mark.timeout(300)


def test_the_town_is_what_it_is_meant_to_be():
    """Snapshots of every age from none to just below the ttl, and each kind of change before and within the hour."""
    residents = town(1)
    ages = sorted(DOWN - resident.fetched for resident in residents)
    assert (round(ages[0], 3), round(ages[-1], 3)) == (0.1, 299.9)
    assert max(later - earlier for earlier, later in pairwise(ages)) < 3
    assert sum(resident.raised < DOWN for resident in residents) > 15
    assert sum(DOWN < resident.raised < UP for resident in residents) > 60


def test_an_hour_without_stripe_and_half_a_minute_to_recover():
    """Payers are allowed at every door, whatever their snapshot's age was; who is known to have changed is not.

    Strict features and refusals end with their time to live; and when Stripe is back, so is the truth, for everybody.
    """
    drill = Drill(town(1))
    with drill.ents:
        drill.warm()
        warm = drill.calls
        drill.go_on(LAST)
        assert drill.wrong == []
        assert 200 < drill.calls - warm < 400  # one probe at a time finds out whether Stripe is back
        assert drill.recover() <= 30


def test_restarts_in_the_middle_of_the_hour_change_nothing(tmp_path):
    """A process that dies, and the next one begun in its place, go by the same snapshots, ages and fences."""
    moments = (DOWN, DOWN + 7, DOWN + 1_800, UP - 1, LAST)
    parts = [drilled(1, str(tmp_path), since=since, until=until) for since, until in pairwise(moments)]
    assert [part.wrong for part in parts] == [[], [], [], []]
    assert parts[-1].recovered is not None
    assert parts[-1].recovered <= 30
