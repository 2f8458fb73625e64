"""The capacity rule (reliability 6.6): the time to live stretches to what the rate budget can pay."""

from __future__ import annotations

import pytest
from controlled import Clock

from entitlements import Freshness
from entitlements.cache.capacity import Capacity


class Crowd:
    """Customers whose snapshots have these ages."""

    def __init__(self, ages: list[float]) -> None:
        self.ages, self.counts = ages, 0

    def __call__(self, youngest_than: float) -> int:
        self.counts += 1
        return sum(age < youngest_than for age in self.ages)


@pytest.mark.parametrize(
    ("customers", "seconds"),
    [(0, 300), (1_000, 300), (4_800, 300), (10_000, 625), (100_000, 6_250), (10_000_000, 86_400)],
)
def test_everybody_active_can_be_refreshed_in_it(customers, seconds):
    """At 20 requests a second, four fifths of them for refreshes, N customers take N/16 s, up to max_stale."""
    crowd = lambda youngest_than: customers  # noqa: E731 - all of them fetched a moment ago
    assert Capacity(Freshness(), 20, count=crowd, clock=Clock()).seconds() == pytest.approx(seconds)


def test_a_budget_that_is_spent_shows_though_everybody_is_old():
    """Snapshots that could not be refreshed in time count too: their ages reach further than the time to live."""
    ages = [number / 20 for number in range(100_000)]  # fetched one after the other at 20 a second
    assert 6_250 <= Capacity(Freshness(), 20, count=Crowd(ages), clock=Clock()).seconds() < 7_000


def test_who_is_not_asked_for_any_more_costs_nothing():
    """A hundred thousand who came once, hours ago, don't make the thousand who are here wait."""
    ages = [10.0] * 1_000 + [20_000.0 + number / 10 for number in range(100_000)]
    assert Capacity(Freshness(), 20, count=Crowd(ages), clock=Clock()).seconds() == 300


def test_counting_is_done_seldom():
    """A hundred thousand snapshots are not counted for each of them."""
    clock, crowd = Clock(), Crowd([0.0] * 10_000)
    capacity = Capacity(Freshness(), 20, count=crowd, clock=clock)
    assert [capacity.seconds() for _ in range(100)] == [625] * 100
    once = crowd.counts
    crowd.ages = []
    clock.tick(9.9)
    assert (capacity.seconds(), crowd.counts) == (625, once)
    clock.tick(0.2)
    assert (capacity.seconds(), crowd.counts) == (300, once + 1)
