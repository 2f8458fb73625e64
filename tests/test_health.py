"""Health: trouble is told at once, recovery on evidence, and both once for each change."""

from __future__ import annotations

import os
import threading

import pytest
from controlled import Ask, Clock, Truth
from wire_fork import works_in_a_child

from entitlements import Decision, Entitlements, Reason, Source
from entitlements.health import CALM, Condition, Health
from entitlements.requirement import Requirement
from entitlements.resolver import core_of

NEED = Requirement(("exports",))
WELL, STALE, UNABLE = Condition


def entitled(source: Source, *, age: float) -> Decision:
    return Decision(NEED, Reason.ENTITLED, "cus_1", source, age)


def unable() -> Decision:
    return Decision(NEED, Reason.UNAVAILABLE, "cus_1", detail="boom")


class Watched:
    """A health whose clock, failures and listener the test has in its hands."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.failing = False
        self.told: list[Condition] = []
        self.health = Health(self.tell, clock=self.clock, failing=lambda _: self.failing)

    def tell(self, condition: Condition, decision: Decision) -> None:
        self.told.append(condition)

    def hears(self, *decisions: Decision) -> list[Condition]:
        for decision in decisions:
            self.health.heard(decision)
        return self.told


@pytest.fixture(name="watched")
def _watched() -> Watched:
    return Watched()


def test_while_all_is_well_nothing_is_told(watched):
    """Answers from Stripe, from memory, or with a refresh behind them, are no news."""
    answers = [entitled(Source.FETCHED, age=0), entitled(Source.CACHED, age=200), entitled(Source.STALE, age=400)]
    assert watched.hears(*answers, Decision(NEED, Reason.NO_CUSTOMER)) == []


def test_trouble_is_told_when_it_begins_and_when_it_grows(watched):
    """A hundred stale answers are one event, a hundred don't-knows another, and an outage never gets better by half."""
    watched.failing = True
    stale = [entitled(Source.STALE, age=400)] * 100
    assert watched.hears(*stale) == [STALE]
    assert watched.hears(*[unable()] * 100) == [STALE, UNABLE]
    assert watched.hears(*stale) == [STALE, UNABLE]


def test_an_answer_from_before_the_trouble_is_no_recovery(watched):
    """Only what rests on a fetch begun after the last trouble shows that Stripe answers again."""
    watched.hears(unable())
    watched.clock.tick(5)
    assert watched.hears(entitled(Source.CACHED, age=5)) == [UNABLE]
    assert watched.hears(Decision(NEED, Reason.NO_CUSTOMER)) == [UNABLE]
    watched.hears(unable())
    assert watched.hears(entitled(Source.CACHED, age=4), entitled(Source.FETCHED, age=1)) == [UNABLE]
    watched.clock.tick(2)
    assert watched.hears(entitled(Source.CACHED, age=1)) == [UNABLE, WELL]


def test_a_fetch_made_for_the_question_is_a_recovery_under_a_clock_that_stands(watched):
    """A test that freezes time sees the recovery as production does; what was remembered meanwhile proves nothing."""
    watched.hears(unable())
    assert watched.hears(entitled(Source.CACHED, age=0)) == [UNABLE]
    assert watched.hears(entitled(Source.FETCHED, age=0)) == [UNABLE, WELL]


def test_a_clock_that_was_moved_back_hides_no_recovery(watched):
    """Trouble noted in the future, as after a test that froze time, doesn't last until then; nor does the calm."""
    watched.hears(unable(), entitled(Source.FETCHED, age=0), unable())
    watched.clock.tick(-500)
    assert watched.hears(entitled(Source.CACHED, age=1)) == [UNABLE, WELL, UNABLE, WELL]


def test_one_customer_s_trouble_among_many_answers_is_no_flood(watched):
    """However often good and bad answers alternate, recovery is told once in ten seconds, the next trouble at once."""
    for _ in range(100):
        watched.hears(unable(), entitled(Source.FETCHED, age=0))
    assert watched.told == [UNABLE, WELL, UNABLE]
    watched.clock.tick(CALM - 1)
    assert watched.hears(entitled(Source.CACHED, age=0)) == [UNABLE, WELL, UNABLE]
    watched.clock.tick(1)
    assert watched.hears(entitled(Source.CACHED, age=1)) == [UNABLE, WELL, UNABLE, WELL]


def test_to_begin_is_to_be_well(watched):
    """After a new beginning the same trouble is told again, and the first recovery waits for nothing."""
    watched.hears(unable(), entitled(Source.FETCHED, age=0), unable())
    watched.health.begin()
    assert watched.hears(entitled(Source.CACHED, age=9)) == [UNABLE, WELL, UNABLE]
    watched.hears(unable(), entitled(Source.FETCHED, age=0))
    assert watched.told == [UNABLE, WELL, UNABLE, UNABLE, WELL]


def test_who_is_told_may_ask(watched):
    """A listener's own question changes the condition under its feet, and that is told next rather than never."""
    told: list[Condition] = []

    def tell(condition: Condition, decision: Decision) -> None:
        if condition is UNABLE:
            watched.health.heard(entitled(Source.FETCHED, age=0))
        told.append(condition)

    watched.health = Health(tell, clock=watched.clock, failing=lambda _: False)
    watched.health.heard(unable())
    assert told == [UNABLE, WELL]


def test_nobody_waits_for_a_listener_that_takes_its_time(watched):
    """While one thread tells, another thread's change is left to it, in order; its question goes on at once."""
    told: list[Condition] = []
    entered, leave = threading.Event(), threading.Event()

    def tell(condition: Condition, decision: Decision) -> None:
        entered.set()
        assert leave.wait(10)
        told.append(condition)

    watched.health = Health(tell, clock=watched.clock, failing=lambda _: True)
    slow = Ask(lambda: watched.health.heard(entitled(Source.STALE, age=400)))
    assert entered.wait(10)
    Ask(lambda: watched.health.heard(unable())).answer()
    assert told == []
    leave.set()
    slow.answer()
    assert told == [STALE, UNABLE]


def test_a_listener_that_fails_is_told_the_next_change(watched):
    """An interrupt in the midst of telling keeps nothing from being told later."""

    def tell(condition: Condition, decision: Decision) -> None:
        watched.told.append(condition)
        if condition is UNABLE:
            raise KeyboardInterrupt

    watched.health = Health(tell, clock=watched.clock, failing=lambda _: False)
    with pytest.raises(KeyboardInterrupt):
        watched.health.heard(unable())
    assert watched.hears(entitled(Source.FETCHED, age=0)) == [UNABLE, WELL]


def test_a_change_that_somebody_else_has_told_meanwhile_is_not_missed(watched):
    """Between seeing that something is untold and taking the turn, another thread may tell it all."""

    class AfterAnother:
        """A turn that is had only after another thread has had it."""

        def acquire(self, *, blocking: bool) -> bool:
            watched.health._turn = turn
            Ask(watched.health._tell_in_order).answer()
            return turn.acquire(blocking=blocking)

    turn = watched.health._turn
    watched.health._turn = AfterAnother()
    assert watched.hears(unable()) == [UNABLE]


def test_two_recoveries_at_once_are_told_as_one(watched):
    """An answer that is being judged when another thread brings the same news isn't told a second time."""
    others: list[Ask] = []

    class Interrupted:
        """An answer whose age is read while another thread hears the same."""

        unavailable, source, customer = False, Source.FETCHED, "cus_1"

        @property
        def age(self) -> float:
            if not others:
                others.append(Ask(lambda: watched.hears(entitled(Source.FETCHED, age=0))))
                others[0].join(0.2)  # it waits for us; if it doesn't, it is done by then
            return 0.0

    watched.hears(unable(), Interrupted())
    others[0].answer()
    assert watched.told == [UNABLE, WELL]


def test_among_threads_changes_are_told_once_and_in_order(watched):
    """However threads take turns, good and bad answers make a sequence in which every change is one."""
    watched.health = Health(watched.tell, clock=Ticking(), failing=lambda _: True)
    answers = [unable(), entitled(Source.FETCHED, age=0), entitled(Source.STALE, age=0)] * 300
    for ask in [Ask(lambda: watched.hears(*answers)) for _ in range(8)]:
        ask.answer()
    pairs = set(zip(watched.told, watched.told[1:], strict=False))
    assert pairs <= {(WELL, STALE), (WELL, UNABLE), (STALE, UNABLE), (STALE, WELL), (UNABLE, WELL)}
    assert (UNABLE, WELL) in pairs


class Ticking(Clock):
    """A clock on which every reading is half a calm later than the one before."""

    def __call__(self) -> float:
        self.tick(CALM / 2)
        return self.at


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork")
def test_a_child_hears_though_it_was_forked_in_the_midst(watched):
    """A fork while another thread changes the condition, or tells it, leaves the child able to do both."""

    def heard_in_child() -> bool:
        return watched.hears(unable()) == [UNABLE]

    with watched.health._lock, watched.health._turn:
        assert works_in_a_child(heard_in_child)


def test_a_source_fails_for_a_customer_until_it_answers_anybody():
    """A customer's own failure counts until the source answers somebody, and four in a row count for everybody."""
    truth = Truth({"cus_1": {"exports"}})
    with Entitlements(source=truth) as ents:
        failing = core_of(ents).cache.failing
        ents.check("cus_1", "exports")
        assert not failing("cus_1")
        truth.failing = OSError("down")
        ents.check("cus_2", "exports")
        assert (failing("cus_1"), failing("cus_2")) == (False, True)
        truth.failing = None
        ents.check("cus_3", "exports")
        assert not failing("cus_2")  # whose own back-off has not passed yet
        truth.failing = OSError("down")
        for customer in ("cus_4", "cus_5", "cus_6", "cus_7"):
            ents.check(customer, "exports")
        assert failing("cus_1")
