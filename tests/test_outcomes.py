"""Three outcomes, not two: who is admitted, refused, or told that it can't be told, at which age."""

from __future__ import annotations

import gc
import pickle
import threading

import pytest
from controlled import Ask, Clock, HeldTruth, Truth, wait_for

from entitlements import (
    Decision,
    Entitlements,
    EntitlementsUnavailable,
    FeatureRequired,
    Freshness,
    Limits,
    Reason,
    Source,
)


class Org:
    """What an application has for a customer."""

    def __init__(self, stripe_customer_id: str | None) -> None:
        self.stripe_customer_id = stripe_customer_id


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="truth")
def _truth() -> Truth:
    return Truth({"cus_1": {"exports", "payouts", "themes"}, "cus_free": set()})


@pytest.fixture(name="ents")
def _ents(truth: Truth, clock: Clock):
    with Entitlements(
        source=truth,
        clock=clock,
        limits=Limits(requests_per_second=10_000, brief_deadline=0.2, deadline=0.6),
        feature_classes={"payouts": "strict", "themes": "lenient"},
    ) as ents:
        yield ents


def said(decision: Decision) -> tuple[bool, str, str]:
    return bool(decision), decision.reason.value, decision.source.value


def test_a_held_feature_is_allowed_and_the_next_question_costs_nothing(ents, truth, clock):
    """One fetch answers every question about a customer for the length of the ttl."""
    assert said(ents.check("cus_1", "exports")) == (True, "entitled", "fetched")
    clock.tick(200)
    assert said(ents.check("cus_1", "exports")) == (True, "entitled", "cached")
    assert ents.has_feature("cus_1", "payouts")
    assert truth.calls == ["cus_1"]


def test_a_feature_not_held_is_refused(ents, truth):
    """A complete list that lacks the key is a no, and the no is remembered."""
    assert said(ents.check("cus_free", "exports")) == (False, "not_entitled", "fetched")
    assert said(ents.check("cus_free", "exports")) == (False, "not_entitled", "cached")
    assert not ents.has_feature("cus_free", "exports")
    assert truth.calls == ["cus_free"]


def test_a_failing_source_is_a_don_t_know(ents, truth):
    """A customer never seen, and nobody to ask: that is no refusal."""
    truth.failing = ConnectionError("refused")
    decision = ents.check("cus_1", "exports")
    assert said(decision) == (False, "unavailable", "none")
    assert (decision.detail, decision.unlock_with) == ("ConnectionError: refused", ())
    assert decision.retry_after == pytest.approx(1.0, abs=0.3)
    assert ents.has_feature("cus_1", "exports") is False


def test_require_raises_what_the_answer_calls_for(ents, truth):
    """No is FeatureRequired, don't-know is EntitlementsUnavailable, yes comes back."""
    assert ents.require("cus_1", "exports").reason is Reason.ENTITLED
    with pytest.raises(FeatureRequired) as no:
        ents.require("cus_1", "sso")
    assert no.value.decision.reason is Reason.NOT_ENTITLED
    truth.failing = ConnectionError("refused")
    with pytest.raises(EntitlementsUnavailable) as unknown:
        ents.require("cus_2", "sso")
    assert unknown.value.decision is not None
    assert unknown.value.retry_after == unknown.value.decision.retry_after


def test_a_customer_is_an_id_or_whatever_carries_one(ents):
    """An application's own object is asked about by its `.stripe_customer_id`."""
    assert ents.has_feature(Org("cus_1"), "exports")
    assert ents.check(Org("cus_1"), "exports").customer == "cus_1"
    assert "exports" in ents.for_customer(Org("cus_1"))


@pytest.mark.parametrize("nothing", [None, ""])
def test_who_never_bought_is_refused_without_asking(ents, truth, nothing):
    """An object whose id is None or blank has never bought: a no, with no call to anybody."""
    decision = ents.check(Org(nothing), "exports")
    assert (said(decision), decision.customer) == ((False, "no_customer", "none"), None)
    assert ents.has_feature(Org(nothing), "exports") is False
    with pytest.raises(FeatureRequired):
        ents.require(Org(nothing), "exports")
    pinned = ents.for_customer(Org(nothing)).pinned()
    assert (set(pinned), pinned.unavailable) == (set(), False)
    assert truth.calls == []


# --- ages ------------------------------------------------------------------------------------------------------------


def test_beyond_the_ttl_an_allow_is_served_while_one_refresh_runs_behind(ents, truth, clock):
    """Stale-while-revalidate: nobody waits, and the next question has the news."""
    ents.check("cus_1", "exports")
    clock.tick(301)
    truth.held["cus_1"] = {"exports", "sso"}
    assert said(ents.check("cus_1", "exports")) == (True, "entitled", "stale")
    wait_for(lambda: len(truth.calls) == 2 and ents.stats().flying == 0)
    assert said(ents.check("cus_1", "sso")) == (True, "entitled", "cached")


def test_beyond_the_ttl_a_refusal_is_never_given_from_memory(ents, truth, clock):
    """Refuse on fresh evidence only: an old snapshot that lacks the key is asked about again."""
    ents.check("cus_1", "exports")
    clock.tick(301)
    truth.held["cus_1"].add("sso")
    assert said(ents.check("cus_1", "sso")) == (True, "entitled", "fetched")
    clock.tick(301)
    truth.failing = OSError("down")
    assert said(ents.check("cus_1", "beta")) == (False, "unavailable", "none")


@pytest.mark.parametrize(
    ("age", "feature", "expected"),
    [
        (299 * 0.9, "exports", (True, "entitled", "cached")),
        (301, "exports", (True, "entitled", "stale")),
        (3_800, "exports", (True, "entitled", "stale")),
        (3_901, "exports", (False, "unavailable", "none")),
        (269, "payouts", (True, "entitled", "cached")),
        (301, "payouts", (False, "unavailable", "none")),
        (3_901, "themes", (True, "entitled", "stale")),
        (86_399, "themes", (True, "entitled", "stale")),
        (86_401, "themes", (False, "unavailable", "none")),
    ],
)
def test_r23_what_an_outage_admits_ends_with_its_class(ents, truth, clock, age, feature, expected):
    """While Stripe fails, strict ends with the ttl, standard an hour later, lenient after a day; nothing passes."""
    ents.check("cus_1", feature)
    truth.failing = OSError("down")
    clock.tick(age)
    assert said(ents.check("cus_1", feature)) == expected


def test_a_slow_source_is_waited_for_briefly_when_a_snapshot_can_answer(clock):
    """With something to fall back on, an allow comes within the brief deadline; the slow list is kept when it lands."""
    truth = HeldTruth({"cus_1": {"exports"}})
    with Entitlements(source=truth, clock=clock, limits=Limits(brief_deadline=0.05, deadline=5)) as ents:
        truth.release()
        ents.check("cus_1", "exports")
        clock.tick(1_000)
        assert said(ents.check("cus_1", "exports")) == (True, "entitled", "stale")
        truth.release()
        wait_for(lambda: ents.stats().flying == 0)
        assert said(ents.check("cus_1", "exports")) == (True, "entitled", "cached")


@pytest.mark.parametrize("backwards", [-1, -1_000])
def test_r25_a_clock_that_went_back_makes_nothing_younger(ents, truth, clock, backwards):
    """An age below zero is no age: what seems to come from the future is fetched again."""
    ents.check("cus_1", "exports")
    clock.tick(backwards)
    assert ents.check("cus_1", "exports").source is Source.FETCHED
    assert len(truth.calls) == 2


# --- refusals are verified, within what is affordable ----------------------------------------------------------------


def test_r79_a_refusal_older_than_five_seconds_is_verified_before_it_is_given(ents, truth, clock):
    """Somebody who just bought, and whose webhook isn't here yet, is not turned away by what was true before."""
    assert not ents.has_feature("cus_free", "exports")
    truth.held["cus_free"].add("exports")
    clock.tick(4.9)
    assert not ents.has_feature("cus_free", "exports")
    clock.tick(0.2)
    assert ents.has_feature("cus_free", "exports")


def test_a_refusal_is_verified_at_most_once_in_five_seconds(ents, truth, clock):
    """However often a customer who holds nothing asks, the source is asked every five seconds."""
    for _ in range(100):
        ents.has_feature("cus_free", "exports")
        clock.tick(0.25)
    assert len(truth.calls) == 5


def test_a_refusal_that_can_t_be_verified_is_given_from_the_snapshot(ents, truth, clock):
    """Within the ttl a snapshot refuses when the source fails; "cannot tell" begins beyond it."""
    ents.check("cus_free", "exports")
    truth.failing = OSError("down")
    clock.tick(10)
    assert said(ents.check("cus_free", "exports")) == (False, "not_entitled", "cached")


def test_a_refusal_is_not_verified_when_the_budget_is_spent(truth, clock):
    """A refusal may not starve a customer nobody has seen yet."""
    truth.held |= {f"cus_{n}": set() for n in range(2, 15)}
    with Entitlements(source=truth, clock=clock, limits=Limits(requests_per_second=0.5, deadline=0.2)) as ents:
        ents.check("cus_free", "exports")
        for number in range(2, 15):
            ents.has_feature(f"cus_{number}", "exports")
        asked = len(truth.calls)
        clock.tick(10)
        assert said(ents.check("cus_free", "exports")) == (False, "not_entitled", "cached")
        assert len(truth.calls) == asked


def test_templates_and_membership_never_verify(ents, truth, clock):
    """`in`, `.features` and a pin rest on the snapshot for its whole ttl."""
    team = ents.for_customer("cus_free")
    assert "exports" not in team
    clock.tick(100)
    assert "exports" not in team
    assert (team.features, team.unavailable) == (frozenset(), False)
    assert len(truth.calls) == 1


# --- views -----------------------------------------------------------------------------------------------------------


def test_a_pin_holds_still(ents, truth):
    """One request sees one truth, whatever becomes known meanwhile."""
    page = ents.for_customer("cus_1").pinned()
    truth.held["cus_1"] = set()
    ents.invalidate("cus_1")
    assert "exports" in page
    assert "exports" not in ents.for_customer("cus_1")
    assert page == {"exports", "payouts", "themes"}


def test_a_view_that_can_t_tell_says_so(ents, truth):
    """A template shows "we could not confirm your plan", never an upsell."""
    truth.failing = OSError("down")
    team = ents.for_customer("cus_1")
    assert (team.features, team.unavailable) == (frozenset(), True)
    assert "exports" not in team


def test_a_pin_in_an_outage_admits_by_class_and_refuses_nobody(ents, truth, clock):
    """What a stale pin lacks proves nothing, and it lacks whatever is strict."""
    ents.check("cus_1", "exports")
    truth.failing = OSError("down")
    clock.tick(1_000)
    pin = ents.for_customer("cus_1").pinned()
    assert (set(pin), pin.unavailable, pin.age) == ({"exports", "themes"}, True, 1_000)


def test_a_view_asks_in_the_same_words(ents):
    """for_customer binds the customer and changes nothing else."""
    team = ents.for_customer("cus_1")
    assert team.has_feature("exports")
    assert team.check("exports").reason is Reason.ENTITLED
    assert team.require("exports")
    with pytest.raises(FeatureRequired):
        team.require("sso")
    assert team.stripe_customer_id == "cus_1"
    assert ents.has_feature(team, "exports")  # a view is itself something with a .stripe_customer_id


# --- changes ---------------------------------------------------------------------------------------------------------


def test_refresh_fetches_and_its_token_is_satisfied_by_that_fetch(ents, truth):
    """After a checkout: one list, and `after=` costs no second one."""
    ents.check("cus_free", "exports")
    truth.held["cus_free"].add("exports")
    token = ents.refresh("cus_free")
    assert said(ents.check("cus_free", "exports", after=token)) == (True, "entitled", "cached")
    assert len(truth.calls) == 2


def test_refresh_while_the_source_fails_still_raises_the_fence(ents, truth):
    """A refresh that can't fetch returns its token: what was known before no longer answers."""
    ents.check("cus_1", "exports")
    truth.failing = OSError("down")
    assert ents.refresh("cus_1")
    assert said(ents.check("cus_1", "exports")) == (False, "unavailable", "none")


def test_fresh_and_after_ask_the_source_or_say_that_they_can_t(ents, truth):
    """Consistency on request has no fallback: an older snapshot is not an answer to it."""
    ents.check("cus_1", "exports")
    assert ents.check("cus_1", "exports", fresh=True).source is Source.FETCHED
    truth.failing = OSError("down")
    assert ents.check("cus_1", "exports", fresh=True).reason is Reason.UNAVAILABLE
    assert ents.check("cus_1", "exports").source is Source.CACHED


# --- life ------------------------------------------------------------------------------------------------------------


def test_after_close_the_answer_is_cannot_tell(ents):
    """A closed instance admits nobody and refuses nobody."""
    ents.check("cus_1", "exports")
    ents.close()
    assert ents.has_feature("cus_1", "exports") is False
    assert said(ents.check("cus_1", "exports")) == (False, "unavailable", "none")
    assert ents.for_customer("cus_1").unavailable


def test_stats_say_what_happened_and_how_far_an_invalidation_reaches(ents, truth):
    """One frozen value, with no customer in it."""
    ents.check("cus_1", "exports")
    truth.failing = OSError("down")
    ents.check("cus_2", "exports")
    stats = ents.stats()
    assert (stats.customers, stats.fetches, stats.failures, stats.flying) == (1, 2, 1, 0)
    assert (stats.live_feed, stats.reach) == (False, "this process and its forks")


def test_r68_a_source_that_asks_the_library_is_not_left_waiting_for_itself(clock):
    """Re-entry on a fetching thread is answered "cannot tell" instead of a deadlock."""
    seen: list[Decision] = []

    class Reentrant(Truth):
        def fetch(self, customer, deadline):
            seen.append(ents.check(customer, "exports"))
            return super().fetch(customer, deadline)

    with Entitlements(source=Reentrant({"cus_1": {"exports"}}), clock=clock) as ents:
        assert Ask(lambda: ents.has_feature("cus_1", "exports")).answer() is True
    assert seen[0].reason is Reason.UNAVAILABLE


def test_r49_what_is_given_out_can_t_be_changed(ents):
    """A caller who tampers with an answer changes nobody else's."""
    decision = ents.check("cus_1", "exports")
    with pytest.raises(AttributeError):
        decision.reason = Reason.NOT_ENTITLED
    assert isinstance(ents.for_customer("cus_1").features, frozenset)


def test_a_settling_snapshot_is_never_served_while_it_is_refreshed(truth, clock):
    """R43: what was fetched right after an event may be wrong already; it is asked for again after two seconds."""
    with Entitlements(source=truth, clock=clock, freshness=Freshness(settle=1e9)) as ents:
        ents.invalidate("cus_1")
        ents.check("cus_1", "exports")
        truth.held["cus_1"] = set()
        clock.tick(2.5)
        assert said(ents.check("cus_1", "exports")) == (False, "not_entitled", "fetched")


def test_an_error_says_what_its_decision_says(ents, truth):
    """A refusing decision is false: nothing on the way may take it for none."""
    with pytest.raises(FeatureRequired) as no:
        ents.require("cus_free", "exports")
    assert str(no.value) == no.value.decision.sentence == "“exports” is not part of the current plan."
    truth.failing = OSError("down")
    with pytest.raises(EntitlementsUnavailable) as unknown:
        ents.require("cus_2", "exports")
    assert str(unknown.value) == "We could not confirm access to “exports” just now. Please try again."
    for error in (no.value, unknown.value):
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.decision) == (str(error), error.decision)


def test_a_view_keeps_what_it_needs_alive(truth):
    """A view, or a client, taken from an instance that nobody holds any more goes on answering."""
    team = Entitlements(source=truth).for_customer("cus_1")
    gc.collect()
    assert team.check("exports").reason is Reason.ENTITLED


def test_instances_that_are_let_go_leave_no_thread(truth):
    """Whoever lets go of an instance lets go of its threads, with or without close()."""
    before = threading.active_count()
    for _ in range(20):
        Entitlements(source=truth).has_feature("cus_1", "exports")
    gc.collect()
    wait_for(lambda: threading.active_count() <= before + 1)


def test_instances_made_at_once_share_one_fence_table(monkeypatch):
    """R38: however many threads make the first instances, one table is made."""
    from entitlements.cache import fences

    made: list[fences.Fences] = []

    class SlowlyMade(fences.Fences):
        def __init__(self) -> None:
            made.append(self)
            threading.Event().wait(0.05)  # long enough for every other thread to come and look
            super().__init__()

    monkeypatch.setattr(fences, "Fences", SlowlyMade)
    fences._shared = None
    tables = {id(ask.answer()) for ask in [Ask(fences.shared_fences) for _ in range(4)]}
    assert (len(made), len(tables)) == (1, 1)
