from __future__ import annotations

import math
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_fork import works_in_a_child

from entitlements.errors import InvalidSettings
from entitlements.stripe.budget import TURNS_KEPT, Budget, Lanes


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def test_a_second_s_worth_is_free_and_then_turns_come_a_second_after_them():
    """What no window holds yet is given at once; later turns wait until the window has room."""
    clock = Clock()
    budget = Budget(3, now=clock)
    assert [budget.reserve(0), budget.reserve(0)] == [0.0, 0.0]
    clock.now += 0.4
    assert [round(budget.reserve(2) or 0, 6) for _ in range(5)] == [0, 0.6, 0.6, 1.0, 1.6]


def test_a_turn_that_comes_too_late_is_not_reserved():
    """I9: who can't be served in time is told at once, and takes nobody's turn."""
    clock = Clock()
    budget = Budget(1, now=clock)
    assert budget.reserve(0) == 0.0
    assert [budget.reserve(0.9) for _ in range(50)] == [None] * 50
    assert budget.reserve(1) == pytest.approx(1)
    clock.now += 2
    assert budget.reserve(0) == 0.0


def test_free_looks_and_takes_nothing():
    """A turn is free when one would come at once and nobody queues."""
    clock = Clock()
    budget = Budget(2, now=clock)
    assert [budget.free(), budget.free(), budget.reserve(0), budget.free(), budget.reserve(0), budget.free()] == [
        True,
        True,
        0.0,
        True,
        0.0,
        False,
    ]
    budget.reserve(1)
    budget.reserve(1)
    clock.now += 1
    assert not budget.free()  # those are somebody's
    clock.now += 1
    assert budget.free()


def test_a_charge_moves_later_turns_back():
    """Pages and retries are sent without a turn, and those who come after pay for them."""
    budget = Budget(10, now=Clock())
    for _ in range(15):
        budget.charge()
    assert not budget.free()
    assert [budget.reserve(0.9), budget.reserve(1)] == [None, pytest.approx(1)]


def test_idle_time_saves_up_no_more_than_a_second_s_worth():
    """A quiet night is no licence for a flood."""
    clock = Clock()
    budget = Budget(10, now=clock)
    clock.now += 3600
    assert [budget.reserve(0) for _ in range(12)] == [0.0] * 10 + [None] * 2


@settings(deadline=None)
@given(
    st.sampled_from([0.5, 1, 7.5, 20, 25, 1000]),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 5)), max_size=200),
)
def test_no_second_holds_more_than_the_most(most, steps):
    """I9: however turns are asked for, no second holds more of them."""
    clock = Clock()
    budget = Budget(most, now=clock)
    turns = []
    for pause, patience in steps:
        clock.now += pause
        if (wait := budget.reserve(patience)) is not None:
            assert 0 <= wait <= patience + 1e-6
            turns.append(clock.now + wait)
    for first in turns:
        assert sum(first <= turn < first + 0.999 for turn in turns) <= most + max(1, most / TURNS_KEPT)


def test_what_another_boot_wrote_is_no_turn():
    """A clock that began anew doesn't wait for a moment of the old one."""
    clock = Clock()
    cells = [clock.now + 10_000.0] * 4
    assert Budget(4, now=clock, cells=cells).reserve(0) == 0.0
    assert cells == [clock.now, *[clock.now + 10_000.0] * 3]


def test_a_flood_of_strangers_leaves_customers_their_share():
    """R77: a quarter of the turns is kept for customers who are known already."""
    clock = Clock()
    lanes = Lanes(20, now=clock)
    strangers = [lanes.reserve(2) for _ in range(1_000)]
    assert sum(turn is not None for turn in strangers) == 45  # this second's and the next two's
    assert (lanes.free(), [lanes.reserve(0.3, known=True) for _ in range(6)]) == (True, [0.0] * 5 + [None])


def test_customers_use_the_open_lane_first():
    """Without a flood, everybody known may use every turn of the second."""
    lanes = Lanes(20, now=Clock())
    assert [lanes.reserve(0, known=True) for _ in range(22)] == [0.0] * 20 + [None] * 2


def test_processes_share_what_lies_in_shared_memory():
    """Two budgets over the same words deal out one budget's turns."""
    clock, words = Clock(), memoryview(bytearray(8 * 20)).cast("d")
    one, other = Lanes(20, now=clock, cells=words), Lanes(20, now=clock, cells=words)
    assert sum((one, other)[turn % 2].reserve(0, known=True) is not None for turn in range(50)) == 20


def test_threads_share_it_exactly():
    """No turn is given twice."""
    budget = Budget(10, now=Clock())
    waits: list[float | None] = []
    threads = [threading.Thread(target=lambda: waits.extend(budget.reserve(900) for _ in range(100))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [round(wait) for wait in sorted(map(float, filter(None, waits)))] == [turn // 10 for turn in range(10, 800)]


@pytest.mark.parametrize("most", [0, -1, math.inf, math.nan])
def test_a_budget_that_can_not_be_is_refused(most):
    """A rate of nothing, or of everything, is a mistake in the settings."""
    with pytest.raises(InvalidSettings):
        Budget(most)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_forked_while_it_is_locked_can_use_it():
    """A thread that held the lock at the fork doesn't exist in the child, and doesn't stop it."""
    budget = Budget(10)
    with budget._lock:
        assert works_in_a_child(lambda: budget.reserve(1) is not None)
