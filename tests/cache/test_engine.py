"""The cache as a state machine: one thread, a clock that is moved, jobs that are run by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from controlled import Clock, Jobs, Truth

from entitlements import Freshness, Limits
from entitlements.cache.engine import Cache
from entitlements.cache.fences import Fences
from entitlements.cache.flight import Outcome
from entitlements.cache.seams import Seams
from entitlements.errors import StripeError
from entitlements.sources.contract import Holding


class Alarms:
    """Alarms that ring when the test says so."""

    def __init__(self) -> None:
        self.set: list[tuple[float, object]] = []

    def __call__(self, moment, call):
        self.set.append((moment, call))
        return self

    def cancel(self) -> None:
        pass

    def ring(self) -> None:
        for _, call in self.set:
            call()


class Unlimited:
    """A rate budget that never ends, or never begins."""

    def __init__(self, turn: float | None = 0.0) -> None:
        self.turn = turn

    sustained = 1e9

    def reserve(self, patience: float, *, known: bool = False) -> float | None:
        return self.turn

    def free(self) -> bool:
        return self.turn is not None


class World:
    """A cache and everything around it."""

    def __init__(self, *, limits: Limits | None = None, rate: Unlimited | None = None, **freshness: float) -> None:
        self.clock, self.real, self.wall = Clock(), Clock(50.0), Clock(1_795_000_000.0)
        self.jobs, self.alarms = Jobs(), Alarms()
        self.truth = Truth({"cus_1": {"exports"}})
        self.fences = Fences(wall=self.wall)
        self.cache = Cache(
            self.truth,
            scope="self/test",
            fences=self.fences,
            freshness=Freshness(**freshness),
            limits=limits or Limits(),
            rate=rate or Unlimited(),
            seams=Seams(
                spawn=self.jobs,
                clock=self.clock,
                now=self.real,
                draw=lambda: 0.0,
                alarm=self.alarms,
            ),
        )

    def begin(self, customer: str = "cus_1", **options):
        options.setdefault("seen", self.cache.look(customer))
        return self.cache.begin(customer, patience=1.0, **options)

    def fetched(self, customer: str = "cus_1"):
        flight = self.begin(customer)
        self.jobs.run_all()
        return flight.outcome


@pytest.fixture(name="world")
def _world() -> World:
    return World()


def test_questions_about_one_customer_share_one_flight(world):
    """I8: however many ask, one list is under way."""
    flights = {world.begin() for _ in range(100)}
    assert len(flights) == 1
    assert (len(world.jobs.waiting), world.cache.tally.joined) == (1, 99)


def test_what_landed_between_a_look_and_the_next_step_is_not_fetched_again(world):
    """I8: a thread that looked, and was held up while another's fetch landed, begins no second one."""
    seen = world.cache.look("cus_1")
    landed = world.fetched().snapshot
    late = world.begin(seen=seen)
    assert (late.outcome.snapshot, len(world.truth.calls)) == (landed, 1)
    assert world.begin(seen=landed).outcome is None
    world.jobs.run_all()
    world.cache.invalidate("cus_1")
    assert world.begin(seen=seen).outcome is None


def test_what_landed_meanwhile_must_be_new_enough(world):
    """`after=` is not content with something that began before its moment, however lately it landed."""
    world.fetched()
    world.real.tick(1)
    assert world.begin(seen=None, after=world.real.at - 0.5).outcome is None


def test_an_overdue_flight_is_not_joined(world):
    """I3: a process that was stopped while a list was under way doesn't wait for what that will say when it goes on."""
    overdue = world.begin()
    world.real.tick(2)
    assert world.begin() is not overdue


def test_what_arrives_long_after_it_was_given_up_is_not_as_good_as_a_fetch(world):
    """I3: a reply that came hours late, between a look and the next step, doesn't stand in for a fetch."""
    world.begin()
    world.clock.tick(300)
    seen = world.cache.look("cus_1")
    world.jobs.run()
    assert world.begin(seen=seen).outcome is None


def test_a_fetch_is_stored_with_its_token_and_its_beginning(world):
    """I3: age counts from when the fetch began, however long it took."""
    flight = world.begin()
    world.clock.tick(1.5)
    world.jobs.run()
    snapshot = world.cache.look("cus_1")
    assert snapshot is flight.outcome.snapshot
    assert (snapshot.features, snapshot.token, snapshot.began) == (frozenset({"exports"}), flight.token, 1_000.0)
    assert world.cache.age(snapshot) == 1.5


def test_a_superseded_fetch_is_not_stored(world):
    """I4: a fence that moved while the pages were read voids them."""
    flight = world.begin()
    world.cache.invalidate("cus_1")
    world.jobs.run()
    assert not world.cache.stands(flight.outcome.snapshot)
    assert (world.cache.look("cus_1"), world.cache.tally.superseded) == (None, 1)


def test_a_fetch_that_was_given_up_is_not_waited_for(world):
    """I8: at its deadline a flight lands with a failure, wherever its thread may hang."""
    landed = []

    def hung(customer):
        world.alarms.ring()
        landed.append((flight.outcome.failure.detail, world.cache.flying))
        raise OSError("cut at last")

    world.truth.answer = hung
    flight = world.begin()
    world.jobs.run()
    assert landed == [("no complete answer within 2 s", 0)]


def test_an_answer_that_comes_late_is_kept_if_its_fence_stands(world):
    """What a slow list says is as good as it ever was, for the next question."""
    holding = world.truth.answer("cus_1")

    def slow(customer):
        world.alarms.ring()
        return holding

    world.truth.answer = slow
    outcome = world.fetched()
    assert outcome.failure.detail == "no complete answer within 2 s"
    assert world.cache.look("cus_1").features == {"exports"}


def test_a_late_answer_does_not_overwrite_a_newer_one(world):
    """Two fetches under one token: the one that began later stays, whichever arrives last."""
    holdings = iter([Holding(frozenset({"new"})), Holding(frozenset({"old"}))])
    newer = []

    def slow(customer):
        if not newer:
            world.alarms.ring()
            world.real.tick(20)
            newer.append(world.begin())
            world.jobs.run()
        return next(holdings)

    world.truth.answer = slow
    world.fetched()
    assert world.cache.look("cus_1") is newer[0].outcome.snapshot
    assert world.cache.look("cus_1").features == {"new"}


def test_failures_of_one_moment_open_one_window(world):
    """Fetches that were in the air together when Stripe went down are one failure, not many."""
    world.truth.failing = OSError("down")
    flights = [world.begin(f"cus_{number}") for number in range(8)]
    world.real.tick(0.1)
    world.jobs.run_all()
    assert all(flight.outcome.failure.retry_after == 1.0 for flight in flights)
    assert world.fetched("cus_new").failure.retry_after == pytest.approx(1.0)


def test_a_failure_is_remembered_for_a_window_that_widens(world):
    """Five checks of a failing source cost one call in a window; the window doubles up to fifteen seconds."""
    world.truth.failing = StripeError("Stripe is down", status=500, request_id="req_9")
    for _ in range(5):
        outcome = world.fetched()
        assert outcome.failure.detail == "StripeError: Stripe is down (request req_9)"
    assert len(world.truth.calls) == 1
    waits = []
    for _ in range(6):
        world.real.tick(15.1)
        waits.append(world.fetched().failure.retry_after)
    assert waits == [2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


def test_a_success_forgets_the_failures(world):
    """Recovery is at once: the next failure opens the shortest window again."""
    world.truth.failing = OSError("reset")
    world.fetched()
    world.truth.failing = None
    world.real.tick(1.1)
    assert world.fetched().snapshot is not None
    world.truth.failing = OSError("reset")
    world.cache.invalidate("cus_1")
    assert world.fetched().failure.retry_after == 1.0


def test_one_customer_s_failures_hold_back_no_other(world):
    """A customer whose list Stripe can't give is no reason to refuse the next."""
    world.truth.failing = OSError("reset")
    world.fetched("cus_bad")
    world.truth.failing = None
    assert world.fetched("cus_1").snapshot is not None


def test_a_source_that_fails_everybody_is_probed_by_one_at_a_time(world):
    """Four failures in a row, of whomever: the others are answered at once until a probe succeeds."""
    world.truth.failing = OSError("down")
    for number in range(4):
        world.fetched(f"cus_{number}")
    asked = len(world.truth.calls)
    assert world.fetched("cus_new").failure.detail == "OSError: down"
    assert len(world.truth.calls) == asked
    world.real.tick(1.1)
    probe = world.begin("cus_probe")
    assert world.begin("cus_other").outcome.failure is not None
    world.truth.failing = None
    world.jobs.run_all()
    assert probe.outcome.snapshot is not None
    assert world.fetched("cus_1").snapshot is not None


def test_an_error_is_never_an_empty_set(world):
    """I5: whatever the source raises, nothing is stored."""
    for error in (StripeError("no"), ValueError("bad JSON"), SystemExit(1), KeyboardInterrupt(), MemoryError()):
        world.truth.failing = error
        outcome = world.fetched()
        assert (outcome.snapshot, world.cache.look("cus_1")) == (None, None)
        world.real.tick(20)
    world.truth.failing = None
    assert world.fetched().snapshot is not None  # R67: no key stays wedged


def test_a_source_that_answers_nonsense_has_failed(world):
    """I4: what isn't a complete set of keys is not evidence."""
    world.truth.answer = lambda customer: {"exports"}
    assert world.fetched().failure.detail.startswith("AttributeError")


def test_an_unknown_customer_lives_apart_and_shortly(world):
    """R77: customers Stripe doesn't know take no room from those it does."""
    world.truth.held.clear()
    snapshot = world.fetched("cus_stranger").snapshot
    assert (snapshot.features, snapshot.ttl) == (frozenset(), 15.0)
    assert world.cache.look("cus_stranger") is snapshot
    assert world.cache.customers == 0


def test_a_customer_deleted_at_stripe_loses_the_old_snapshot(world):
    """R64: once Stripe doesn't know a customer, what was remembered of them no longer admits."""
    world.fetched()
    world.truth.held.clear()
    world.fetched()
    assert world.cache.look("cus_1").features == frozenset()
    assert world.cache.customers == 0


def test_settling_after_a_change_shortens_the_life(world):
    """R43: Stripe's list may lag its own event, so what is read right after one is read again soon."""
    world.cache.invalidate("cus_1")
    assert world.fetched().snapshot.ttl == 2.0
    world.wall.tick(11)
    assert world.fetched().snapshot.ttl == 300.0


def test_settling_shortens_the_life_of_a_customer_not_known_yet(world):
    """R43: who just signed up may be missing from a list that lags, and is looked for again as soon."""
    world.cache.invalidate("cus_new")
    assert world.fetched("cus_new").snapshot.ttl == 2.0


def test_settling_counts_from_the_beginning_of_the_fetch(world):
    """A fetch begun within the window is suspect even if it ends outside it."""
    world.cache.invalidate("cus_1")
    flight = world.begin()
    world.wall.tick(11)
    world.jobs.run()
    assert flight.outcome.snapshot.ttl == 2.0


def test_a_flight_may_be_joined_only_if_it_began_after_the_moment_asked_for(world):
    """`after=` begins a fetch of its own when the one under way is older."""
    first = world.begin()
    world.real.tick(1)
    assert world.begin(after=world.real.at) is not first
    assert world.begin(after=40.0) is not first  # the newer flight took its place


def test_a_spent_budget_is_answered_at_once():
    """R70: a question whose turn can't come in time doesn't wait for it."""
    world = World(rate=Unlimited(None))
    outcome = world.fetched()
    assert outcome.failure.detail == "the budget of requests to Stripe is spent for now"
    assert (world.truth.calls, world.cache.tally.held_back) == ([], 1)


def test_a_turn_that_comes_later_is_waited_for_on_no_thread():
    """R77: strangers who wait for their turns hold up nobody else's fetch."""
    world = World(rate=Unlimited(0.25))
    flight = world.begin()
    (expiry, _), (turn, take_off) = world.alarms.set
    assert (expiry, turn, len(world.jobs.waiting)) == (52.25, 50.25, 0)
    take_off()
    world.jobs.run()
    assert flight.outcome.snapshot is not None


def test_a_fetch_given_up_while_it_waited_for_a_thread_is_not_made(world):
    """A question nobody waits for any more costs Stripe nothing, and is no failure of its."""
    flight = world.begin()
    world.alarms.ring()
    world.jobs.run()
    assert (world.truth.calls, world.cache.tally.failures, world.cache.tally.held_back) == ([], 0, 1)
    assert flight.outcome.failure.detail == "too many customers are being fetched at once"


def test_a_full_pool_is_a_failure_not_a_wait(world):
    """R102: beyond the bound, the answer is "cannot tell", at once."""
    world.cache._seams = Seams(spawn=lambda job: False, alarm=world.alarms)
    assert world.begin().outcome.failure.detail == "too many customers are being fetched at once"


def test_no_thread_can_be_started(world):
    """R98: while the interpreter shuts down, a question is answered, not left hanging."""

    def refuse(job):
        raise RuntimeError("can't start new thread at interpreter shutdown")

    world.cache._seams = Seams(spawn=refuse, alarm=world.alarms)
    assert world.begin().outcome.failure.detail == "can't start new thread at interpreter shutdown"


@pytest.mark.parametrize("at", [1, 2])
def test_a_question_that_is_interrupted_leaves_no_flight_behind(at):
    """Ctrl-C, or a signal's handler that raises: whoever asks next begins a fetch, and waits for no dead one."""
    world = World(rate=Unlimited(0.25))
    set_alarm, joined = world.alarms.__call__, []

    def interrupted(moment, call):
        if len(world.alarms.set) == at - 1:  # somebody else joins, then the signal comes
            joined.append(world.begin())
            raise KeyboardInterrupt
        return set_alarm(moment, call)

    good = world.cache._seams
    world.cache._seams = replace(good, alarm=interrupted)
    with pytest.raises(KeyboardInterrupt):
        world.begin()
    world.cache._seams = replace(good, alarm=set_alarm)
    assert joined[0].outcome.failure.detail == "the question that began this fetch was interrupted"
    assert (world.cache.flying, world.truth.calls) == (0, [])
    assert world.begin().outcome is None
    _, (_, take_off) = world.alarms.set[-2:]
    take_off()
    world.jobs.run()
    assert (world.cache.look("cus_1").features, world.truth.calls) == ({"exports"}, ["cus_1"])


def test_a_flight_lands_once(world):
    """The first landing counts; nobody is called twice."""
    flight, calls = world.begin(), []
    flight.on_landing(lambda: calls.append("landed"))
    assert flight.land(Outcome())
    assert not flight.land(Outcome())
    flight.on_landing(lambda: calls.append("had landed"))
    assert calls == ["landed", "had landed"]


def test_what_lands_after_close_is_not_kept(world):
    """A closed cache remembers nobody, whatever was still in the air."""
    world.begin()
    world.cache.close()
    world.jobs.run()
    assert (world.cache.look("cus_1"), world.cache.customers) == (None, 0)


def test_a_refused_request_holds_back_its_customer_only(world):
    """R64: what Stripe refuses for one customer after another says nothing about the next; a refused key does."""
    for status, held_back in ((400, False), (404, False), (401, True)):
        world.truth.failing = StripeError("refused", status=status)
        for number in range(6):
            world.fetched(f"cus_{status}_{number}")
        world.truth.failing = None
        assert (world.fetched(f"cus_after_{status}").snapshot is None) is held_back


def test_a_full_house_is_no_failure_of_the_source(world):
    """A fetch that found no thread is held back, and opens no window for anybody."""
    good = world.cache._seams
    world.cache._seams = Seams(spawn=lambda job: False, alarm=world.alarms)
    for number in range(10):
        world.begin(f"cus_{number}")
    world.cache._seams = good
    assert world.fetched().snapshot is not None
    assert (world.cache.tally.held_back, world.cache.tally.failures) == (10, 0)
