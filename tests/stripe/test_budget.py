from __future__ import annotations

import math
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_fork import works_in_a_child

from entitlements.errors import InvalidSettings
from entitlements.stripe.budget import Budget


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def test_a_burst_is_free_and_then_turns_come_at_the_rate():
    """What was saved up is given at once; later turns are the rate apart."""
    budget = Budget(rate=10, burst=3, now=Clock())
    assert [round(budget.reserve(1) or 0, 6) for _ in range(6)] == [0, 0, 0, 0.1, 0.2, 0.3]


def test_a_turn_that_comes_too_late_is_not_reserved():
    """I9: who can't be served in time is told at once, and takes nobody's turn."""
    clock = Clock()
    budget = Budget(rate=10, burst=1, now=clock)
    assert budget.reserve(0) == 0.0
    assert [budget.reserve(0.05) for _ in range(50)] == [None] * 50
    assert budget.reserve(0.1) == pytest.approx(0.1)
    clock.now += 0.2
    assert budget.reserve(0) == 0.0


def test_free_looks_and_takes_nothing():
    """A turn is free when one would come at once and nobody queues."""
    clock = Clock()
    budget = Budget(rate=10, burst=2, now=clock)
    assert [budget.free(), budget.free(), budget.reserve(0), budget.free(), budget.reserve(0), budget.free()] == [
        True,
        True,
        0.0,
        True,
        0.0,
        False,
    ]
    budget.reserve(1)
    clock.now += 0.1
    assert not budget.free()  # that one is somebody's
    clock.now += 0.1
    assert budget.free()


def test_a_charge_moves_later_turns_back():
    """Pages and retries are sent without a turn, and those who come after pay for them."""
    budget = Budget(rate=10, burst=1, now=Clock())
    for _ in range(5):
        budget.charge()
    assert not budget.free()
    assert budget.reserve(0.4) is None
    assert budget.reserve(1) == pytest.approx(0.5)


def test_idle_time_saves_up_no_more_than_the_burst():
    """A quiet night is no licence for a flood."""
    clock = Clock()
    budget = Budget(rate=25, burst=10, now=clock)
    clock.now += 3600
    assert [budget.reserve(0) for _ in range(12)] == [0.0] * 10 + [None] * 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.5)), max_size=200))
def test_no_second_holds_more_than_the_rate_and_the_burst(steps):
    """I9: however turns are asked for, they come no faster than the rate after the burst."""
    clock = Clock()
    budget = Budget(rate=20, burst=5, now=clock)
    turns = []
    for pause, patience in steps:
        clock.now += pause
        if (wait := budget.reserve(patience)) is not None:
            assert 0 <= wait <= patience
            turns.append(clock.now + wait)
    for first in turns:
        assert sum(first <= turn < first + 1 for turn in turns) <= 20 + 5


def test_threads_share_it_exactly():
    """No turn is given twice."""
    budget = Budget(rate=1000, burst=1, now=Clock())
    waits: list[float | None] = []
    threads = [threading.Thread(target=lambda: waits.extend(budget.reserve(9) for _ in range(100))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [round((wait or 0) * 1000) for wait in sorted(map(float, filter(None, waits)))] == list(range(1, 800))


@pytest.mark.parametrize(
    ("rate", "burst"),
    [(0, 1), (-1, 1), (math.inf, 1), (math.nan, 1), (25, 0), (25, 0.5), (25, math.nan), (25, math.inf)],
)
def test_a_budget_that_can_not_be_is_refused(rate, burst):
    """A rate of nothing, or of everything, is a mistake in the settings."""
    with pytest.raises(InvalidSettings):
        Budget(rate, burst)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_forked_while_it_is_locked_can_use_it():
    """A thread that held the lock at the fork doesn't exist in the child, and doesn't stop it."""
    budget = Budget(rate=10, burst=1)
    with budget._lock:
        assert works_in_a_child(lambda: budget.reserve(1) is not None)
