"""The capacity rule (reliability 6.6): the time to live stretches to what the rate budget can pay."""

from __future__ import annotations

import random
import threading

import pytest
from controlled import Clock, Truth, wait_for

from entitlements import Entitlements, Freshness, Limits
from entitlements.cache.capacity import Capacity, younger
from entitlements.cache.snapshot import Snapshot

AGES = [300 * 1.25**step for step in range(26)]


class Crowd:
    """Customers whose snapshots have these ages."""

    def __init__(self, ages: list[float]) -> None:
        self.ages, self.counts, self.asked = ages, 0, 0

    def __call__(self, ages):
        self.counts += 1
        for age in ages:
            self.asked += 1
            yield sum(each < age for each in self.ages)


def found(count, clock=None, **freshness) -> float:
    capacity = Capacity(Freshness(**freshness), 20, count=count, clock=clock or Clock())
    capacity.recount()
    return capacity.seconds


@pytest.mark.parametrize(
    ("customers", "seconds"),
    [(0, 300), (1_000, 300), (4_800, 300), (10_000, 625), (100_000, 6_250), (10_000_000, 86_400)],
)
def test_everybody_active_can_be_refreshed_in_it(customers, seconds):
    """At 20 requests a second, four fifths of them for refreshes, N customers take N/16 s, up to max_stale."""
    assert found(lambda ages: [customers] * len(ages)) == pytest.approx(seconds)  # all of them fetched a moment ago


def test_a_budget_that_is_spent_shows_though_everybody_is_old():
    """Snapshots that could not be refreshed in time count too: their ages reach further than the time to live."""
    ages = [number / 20 for number in range(100_000)]  # fetched one after the other at 20 a second
    assert found(Crowd(ages)) == 6_250


def test_who_is_not_asked_for_any_more_costs_nothing():
    """A hundred thousand who came once, hours ago, don't make the thousand who are here wait."""
    crowd = Crowd([10.0] * 1_000 + [20_000.0 + number / 10 for number in range(100_000)])
    assert (found(crowd), crowd.asked) == (300, 1)


def test_counting_is_done_seldom():
    """A hundred thousand snapshots are not counted for each of them, and asking what was found counts nobody."""
    clock, crowd = Clock(), Crowd([0.0] * 10_000)
    capacity = Capacity(Freshness(), 20, count=crowd, clock=clock)
    assert (capacity.seconds, crowd.counts) == (300, 0)
    for _ in range(100):
        capacity.recount()
    assert (capacity.seconds, crowd.counts) == (625, 1)
    crowd.ages = []
    clock.tick(9.9)
    capacity.recount()
    assert (capacity.seconds, crowd.counts) == (625, 1)
    clock.tick(0.2)
    capacity.recount()
    assert (capacity.seconds, crowd.counts) == (300, 2)


def test_while_nobody_can_be_counted_it_stays_as_it_was():
    """A store that fails for a moment doesn't send everybody to Stripe at once."""
    clock, crowd, failing = Clock(), Crowd([0.0] * 10_000), []

    def count(ages):
        if failing:
            raise OSError("locked")
        return crowd(ages)

    capacity = Capacity(Freshness(), 20, count=count, clock=clock)
    capacity.recount()
    failing.append(True)
    clock.tick(11)
    capacity.recount()
    assert capacity.seconds == 625


@pytest.mark.parametrize("ttl", [5e-324, 0.001, 86_400])
def test_whatever_the_ages_are_it_ends(ttl):
    """However far the shortest time is from the longest, it is looked for in some steps, and stays within them."""
    crowd = Crowd([10.0] * 1_000)
    assert ttl <= found(crowd, ttl=ttl) <= 86_400
    assert crowd.asked <= 100


def entries(ages) -> dict[str, Snapshot]:
    return {
        f"cus_{number}": Snapshot(frozenset(), token=1.0, slot=0, began=-age, moment=0.0, deadline=1.0)
        for number, age in enumerate(ages)
    }


def test_few_are_counted_exactly():
    """Below some thousands, no snapshot is left out."""
    ages = [random.Random(1).random() * 10_000 for _ in range(7_999)]
    assert list(younger(entries(ages), AGES, 0.0)) == [sum(each < age for each in ages) for age in AGES]
    assert list(younger({}, AGES, 0.0)) == [0] * len(AGES)


@pytest.mark.parametrize("order", ["as they come", "youngest first", "oldest first"])
def test_a_sample_of_many_is_close(order):
    """A hundred thousand are counted by some thousands of them, and the count is off by two in a hundred at most."""
    ages = [random.Random(2).random() * 10_000 for _ in range(100_000)]
    if order != "as they come":
        ages.sort(reverse=order == "oldest first")
    told = list(younger(entries(ages), AGES, 0.0))
    assert max(abs(one - sum(each < age for each in ages)) for one, age in zip(told, AGES, strict=True)) <= 2_000


def test_an_instance_lets_its_customers_live_for_as_long_as_it_can_pay_for():
    """More customers than can be refreshed within the ttl: it is longer from then on, once they have been counted."""
    truth = Truth({f"cus_{number}": {"exports"} for number in range(200)})
    limits, freshness, clock = Limits(requests_per_second=1_000, deadline=10), Freshness(ttl=0.1), Clock()
    with Entitlements(source=truth, clock=clock, limits=limits, freshness=freshness) as ents:
        assert ents.has_feature("cus_0", "exports")  # who is counted then: one
        clock.tick(9.99)
        assert all(ents.has_feature(f"cus_{number}", "exports") for number in range(1, 199))
        assert ents.stats().ttl == 0.1
        clock.tick(0.02)
        assert ents.has_feature("cus_199", "exports")
        wait_for(lambda: ents.stats().ttl == pytest.approx(199 / 800))


def test_a_question_counts_nobody():
    """However many there are, it is done by the thread that fetched, once whoever waited for it has the answer."""
    clock, counting, release = Clock(), threading.Event(), threading.Event()
    with Entitlements(source=Truth({"cus_1": {"exports"}}), clock=clock) as ents:
        counts = ents._core.cache._active

        def held(ages):
            counting.set()
            assert release.wait(10)
            return counts(ages)

        ents._core.cache.capacity._count = held
        assert ents.has_feature("cus_1", "exports")
        assert counting.wait(10)
        clock.tick(301)
        for _ in range(3):
            assert (ents.has_feature("cus_1", "exports"), ents.stats().ttl) == (True, 300)
        release.set()
