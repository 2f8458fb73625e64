"""R01 to R04: a fetch that began before a change is never used after it."""

from __future__ import annotations

import pytest
from controlled import Ask, HeldTruth, Truth, wait_for

from entitlements import Decision, Entitlements, Limits, Reason


@pytest.fixture(name="truth")
def _truth() -> HeldTruth:
    return HeldTruth({"cus_1": {"exports"}})


@pytest.fixture(name="ents")
def _ents(truth: HeldTruth):
    with Entitlements(source=truth) as ents:
        yield ents
        truth.release(100)


def warm(ents: Entitlements, truth: HeldTruth) -> None:
    truth.release()
    assert ents.has_feature("cus_1", "exports")
    truth.wait_until_asked()


def test_r01_a_fetch_begun_before_an_invalidation_is_not_used_after_it(ents, truth):
    """A slow list that was asked for before a cancellation never admits anybody after it."""
    slow = Ask(lambda: ents.has_feature("cus_1", "exports"))
    truth.wait_until_asked()
    truth.held["cus_1"] = set()
    ents.invalidate("cus_1")
    truth.release(2)
    assert slow.answer() is False  # it was still waiting when the change became known
    assert ents.has_feature("cus_1", "exports") is False


def test_r01_the_slow_reply_is_stored_nowhere(ents, truth):
    """What a superseded fetch brought is not served to anybody, however often it is asked for."""
    slow = Ask(lambda: ents.check("cus_1", "exports"))
    truth.wait_until_asked()
    truth.held["cus_1"] = {"sso"}
    ents.invalidate("cus_1")
    truth.release(2)
    slow.answer()
    assert [ents.has_feature("cus_1", key) for key in ("exports", "sso", "exports")] == [False, True, False]


def test_r01_a_purchase_is_seen_by_whoever_asks_after_it(ents, truth):
    """Somebody who bought while an older list was under way is admitted by the next question."""
    truth.held["cus_1"] = set()
    slow = Ask(lambda: ents.has_feature("cus_1", "exports"))
    truth.wait_until_asked()
    truth.held["cus_1"] = {"exports"}
    ents.invalidate("cus_1")
    truth.release(2)
    slow.answer()
    assert ents.has_feature("cus_1", "exports") is True


def test_r02_a_question_after_the_change_does_not_join_the_flight_before_it(ents, truth):
    """Whoever asks after an invalidation begins a list of its own, and gets the new answer."""
    before = Ask(lambda: ents.has_feature("cus_1", "exports"))
    truth.wait_until_asked()
    truth.held["cus_1"] = set()
    ents.invalidate("cus_1")
    after = Ask(lambda: ents.has_feature("cus_1", "exports"))
    truth.wait_until_asked()
    truth.release(3)
    assert after.answer() is False
    before.answer()
    assert len(truth.calls) >= 2


def test_r03_a_change_of_a_customer_never_seen_still_voids_the_first_fetch(ents, truth):
    """A customer who is being fetched for the first time leaves nothing to drop; the fence is raised all the same."""
    first = Ask(lambda: ents.check("cus_1", "exports"))
    truth.wait_until_asked()
    assert ents.stats().customers == 0
    truth.held["cus_1"] = set()
    ents.invalidate("cus_1")
    truth.release(2)
    decision = first.answer()
    assert isinstance(decision, Decision)
    assert decision.reason is Reason.NOT_ENTITLED
    assert not ents.has_feature("cus_1", "exports")


def test_r38_an_invalidation_through_one_instance_reaches_the_others(truth):
    """Two instances of one scope share their fences: a webhook handled by either is seen by both."""
    other_truth = HeldTruth({"cus_1": {"exports"}})
    with Entitlements(source=truth) as one, Entitlements(source=other_truth) as other:
        warm(one, truth)
        warm(other, other_truth)
        other_truth.held["cus_1"] = set()
        one.invalidate("cus_1")
        other_truth.release()
        assert other.has_feature("cus_1", "exports") is False


def test_a_superseded_answer_is_asked_for_again_within_the_deadline(ents, truth):
    """Three changes while a question waits: it is answered by a list that began after the last of them."""
    question = Ask(lambda: ents.check("cus_1", "exports"))
    for features in ({"a"}, {"b"}, {"exports", "c"}):
        truth.wait_until_asked()
        truth.held["cus_1"] = features
        ents.invalidate("cus_1")
        truth.release()
    truth.wait_until_asked()
    truth.release()
    decision = question.answer()
    assert isinstance(decision, Decision)
    assert decision.reason is Reason.ENTITLED


def test_a_warm_allow_ends_with_the_invalidation(ents, truth):
    """The hot path compares the fence: what it admits is refused from the moment a change is known."""
    warm(ents, truth)
    truth.held["cus_1"] = set()
    ents.invalidate("cus_1")
    question = Ask(lambda: ents.has_feature("cus_1", "exports"))
    truth.wait_until_asked()
    truth.release()
    assert question.answer() is False


def test_two_invalidations_in_a_row_write_two_different_tokens(ents, truth):
    """Every raise is fresh: a fetch begun between two of them can't be taken for one begun after both."""
    ents.invalidate("cus_1")
    between = Ask(lambda: ents.has_feature("cus_1", "exports"))
    truth.wait_until_asked()
    truth.held["cus_1"] = set()
    ents.invalidate("cus_1")
    truth.release(2)
    assert between.answer() is False


def test_after_a_token_only_a_later_fetch_will_do(ents, truth):
    """`after=` is not content with a snapshot, or a flight, that began before its moment."""
    warm(ents, truth)
    token = ents.check("cus_1", "exports").token
    question = Ask(lambda: ents.check("cus_1", "exports", after=token))
    truth.wait_until_asked()
    truth.release()
    answered = question.answer()
    assert isinstance(answered, Decision)
    assert (answered.source, len(truth.calls)) == ("fetched", 2)
    assert ents.check("cus_1", "exports", after=token).source == "cached"


def test_fresh_does_not_join_a_flight_already_under_way(ents, truth):
    """`fresh=True` rests on a list begun after the call, even while another is in the air."""
    earlier = Ask(lambda: ents.check("cus_1", "exports"))
    truth.wait_until_asked()
    fresh = Ask(lambda: ents.check("cus_1", "exports", fresh=True))
    truth.wait_until_asked()
    truth.release(2)
    assert earlier.answer()
    assert fresh.answer()
    assert len(truth.calls) == 2


def test_a_customer_who_changes_all_the_time_is_said_to():
    """Every fetch is superseded while it flies: five are made, and the answer says what happened, in no time."""

    class Restless(Truth):
        def fetch(self, customer, deadline):
            holding = super().fetch(customer, deadline)
            ents.invalidate(customer)
            return holding

    truth = Restless({"cus_1": {"exports"}})
    with Entitlements(source=truth, limits=Limits(deadline=600, requests_per_second=1_000)) as ents:
        decision = ents.check("cus_1", "exports")
        assert (decision.reason, decision.detail, decision.retry_after) == (
            Reason.UNAVAILABLE,
            "changes became known faster than they could be fetched",
            1.0,
        )
        assert (truth.calls, ents.stats().flying) == (["cus_1"] * 5, 0)


def test_known_superseded_data_is_not_served_while_the_source_fails(ents, truth):
    """R22: once a change is known, an outage turns an old allow into a don't-know, not into an allow."""
    warm(ents, truth)
    ents.invalidate("cus_1")
    truth.failing = ConnectionError("down")
    question = Ask(lambda: ents.check("cus_1", "exports"))
    truth.wait_until_asked()
    truth.release()
    decision = question.answer()
    assert isinstance(decision, Decision)
    assert decision.reason is Reason.UNAVAILABLE
    wait_for(lambda: ents.stats().flying == 0)
