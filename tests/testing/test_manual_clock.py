"""A manual clock moves when it is told to, forward, and judges how old an answer is."""

from __future__ import annotations

import math
import re

import pytest
from controlled import Ask

from entitlements import Entitlements, InvalidInput, Source
from entitlements.testing import ManualClock, StaticSource


def test_it_stands_still_until_it_is_advanced():
    """By any unit, or several at once; and it says what time it is."""
    clock = ManualClock(100)
    assert (clock(), clock()) == (100.0, 100.0)
    assert clock.advance(5) == 105.0
    assert clock.advance(seconds=0.5, minutes=1, hours=1, days=1) == clock() == 105.0 + 0.5 + 60 + 3_600 + 86_400
    assert clock.advance() == clock()
    assert repr(ManualClock(2)) == "ManualClock(at=2.0)"


def test_answers_grow_old_by_it():
    """An answer past its time to live is fetched again, and its age is counted by this clock."""
    clock, source = ManualClock(), StaticSource({"cus_1": ["exports"]})
    with Entitlements(source=source, clock=clock) as ents:
        ents.check("cus_1", "exports")
        clock.advance(minutes=4)
        cached = ents.check("cus_1", "exports")
        source.revoke("cus_1", "exports")
        clock.advance(hours=1)
        assert (cached.source, cached.age, ents.has_feature("cus_1", "exports")) == (Source.CACHED, 240.0, False)


def test_no_advance_is_lost_to_another():
    """Threads may advance it together."""
    clock = ManualClock()

    def advance():
        for _ in range(2_000):
            clock.advance(1)

    for ask in [Ask(advance) for _ in range(4)]:
        ask.answer()
    assert clock() == 8_000.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda clock: clock.advance(-1), "seconds is -1: give a number, zero or more; time doesn't go back"),
        (lambda clock: clock.advance(minutes=-0.1), "minutes is -0.1"),
        (lambda clock: clock.advance(hours=math.inf), "hours is inf"),
        (lambda clock: clock.advance(days=math.nan), "days is nan"),
        (lambda clock: clock.advance("1"), "seconds is '1'"),
        (lambda clock: clock.advance(True), "seconds is True"),
        (lambda clock: ManualClock(-1), "ManualClock is -1"),
    ],
)
def test_it_never_goes_back(call, message):
    """A step that isn't forward is refused, and moves nothing."""
    clock = ManualClock(7)
    with pytest.raises(InvalidInput, match=re.escape(message)):
        call(clock)
    assert clock() == 7.0
