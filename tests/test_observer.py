"""An observer hears of every fetch, and of every decision worth telling."""

from __future__ import annotations

import logging

import pytest
from controlled import Clock, Truth, wait_for

from entitlements import Decision, Entitlements, FeatureRequired, Fetch, FetchOutcome, Limits, Reason, Source
from entitlements.errors import StripeError
from entitlements.gate import requires_feature


class Heard(list):
    """What was told, by kind."""

    @property
    def decisions(self) -> list[tuple[str, str]]:
        return [(each.reason.value, each.source.value) for each in self if isinstance(each, Decision)]

    def fetches(self, count: int) -> list[Fetch]:
        wait_for(lambda: sum(isinstance(each, Fetch) for each in self) >= count)  # told after the answer is given
        return [each for each in self if isinstance(each, Fetch)]


@pytest.fixture(name="heard")
def _heard():
    return Heard()


def build(heard, truth, **options):
    options.setdefault("limits", Limits(deadline=0.5, brief_deadline=0.2))
    return Entitlements(source=truth, observer=heard.append, **options)


def test_a_fetch_is_told_with_what_it_came_to(heard):
    """Each fetch gives one frozen record: whom it was about, how it ended, how long it took, which request it was."""
    with build(heard, Truth({"cus_1": {"exports"}})) as ents:
        assert ents.has_feature("cus_1", "exports")
        (fetch,) = heard.fetches(1)
    assert (fetch.customer, fetch.outcome, fetch.detail, fetch.request_id) == (
        "cus_1",
        FetchOutcome.COMPLETE,
        None,
        "req_1",
    )
    assert 0 <= fetch.seconds < 0.5
    with pytest.raises(AttributeError):
        fetch.seconds = 0.0


def test_a_failed_fetch_says_why(heard):
    """A fault is told twice: the fetch that failed, and the question that could not be answered."""
    truth = Truth({"cus_1": {"exports"}}, failing=StripeError("Stripe is on fire", request_id="req_9"))
    with build(heard, truth) as ents:
        assert not ents.has_feature("cus_1", "exports")
        (fetch,) = heard.fetches(1)
    assert (fetch.outcome, fetch.detail, fetch.request_id) == (
        FetchOutcome.FAILED,
        "StripeError: Stripe is on fire (request req_9)",
        "req_9",
    )
    assert heard.decisions == [("unavailable", "none")]


def test_a_fetch_overtaken_by_a_change_is_told_as_such(heard):
    """What arrives behind a raised fence is thrown away, and the observer knows."""
    truth = Truth({"cus_1": {"exports"}})
    with build(heard, truth) as ents:
        whole = truth.fetch
        truth.fetch = lambda customer, deadline: (ents.invalidate(customer), whole(customer, deadline))[1]
        ents.has_feature("cus_1", "exports")
        assert {fetch.outcome for fetch in heard.fetches(1)} == {FetchOutcome.SUPERSEDED}


def test_allows_in_bounds_are_not_told(heard):
    """Nobody pays for hearing what goes well."""
    with build(heard, Truth({"cus_1": {"exports"}})) as ents:
        assert [ents.has_feature("cus_1", "exports") for _ in range(10)] == [True] * 10
        assert ents.check("cus_1", "exports")
    assert heard.decisions == []


def test_every_refusal_is_told_on_the_hot_path_too(heard):
    """R108: ten refusals are ten records."""
    with build(heard, Truth({"cus_1": {"exports"}})) as ents:
        assert [ents.has_feature("cus_1", "sso") for _ in range(10)] == [False] * 10
    assert heard.decisions == [("not_entitled", "fetched")] + [("not_entitled", "cached")] * 9


def test_an_answer_served_stale_is_told(heard):
    """A fallback is visible to whoever watches."""
    clock, truth = Clock(), Truth({"cus_1": {"exports"}})
    with build(heard, truth, clock=clock) as ents:
        assert ents.has_feature("cus_1", "exports")
        truth.failing = StripeError("down")
        clock.tick(1_000)
        assert ents.check("cus_1", "exports").source is Source.STALE
    assert heard.decisions == [("entitled", "stale")]


def test_gates_and_customers_who_never_bought_are_told(heard):
    """A refusal at a gate is a refusal; somebody without a customer id is told with none."""

    class Org:
        stripe_customer_id = None

    with build(heard, Truth()) as ents:
        guarded = requires_feature("exports", entitlements=ents, customer=lambda org: org)(lambda org: "done")
        with pytest.raises(FeatureRequired):
            guarded(Org())
    assert [(each.reason, each.customer) for each in heard] == [(Reason.NO_CUSTOMER, None)]


def test_labels_carry_no_customer(heard):
    """R104: a metric has few values, and nobody's name is one."""
    with build(heard, Truth({"cus_1": {"exports"}})) as ents:
        ents.has_feature("cus_1", "sso")
        heard.fetches(1)
    labels = {type(each).__name__: dict(each.labels) for each in heard}
    assert labels == {
        "Fetch": {"outcome": "complete"},
        "Decision": {"feature": "sso", "reason": "not_entitled", "source": "fetched"},
    }


def test_an_observer_that_fails_harms_nobody(caplog):
    """Its fault is logged, seldom, and the answer stands."""

    def broken(record):
        raise RuntimeError("the metrics server is away")

    with caplog.at_level(logging.WARNING), Entitlements(source=Truth({"cus_1": {"exports"}}), observer=broken) as ents:
        assert [ents.has_feature("cus_1", "sso") for _ in range(5)] == [False] * 5
        assert ents.has_feature("cus_1", "exports")
    told = "the observer failed: RuntimeError: the metrics server is away"
    wait_for(lambda: told in caplog.messages)
    assert caplog.messages.count(told) == 1


def test_an_observer_may_ask(heard):
    """R68: what an observer asks is answered, and not observed in turn."""
    answers = []

    def curious(record):
        heard.append(record)
        answers.append(ents.has_feature("cus_1", "sso"))

    ents = Entitlements(source=Truth({"cus_1": {"exports"}}), observer=curious)
    with ents:
        assert not ents.has_feature("cus_1", "sso")
        heard.fetches(1)
        wait_for(lambda: len(answers) == 2)
    assert (heard.decisions, answers) == ([("not_entitled", "fetched")], [False, False])


def test_something_that_can_t_be_called_is_refused():
    """A wrong setting is named before anything is asked."""
    with pytest.raises(ValueError, match="observer is 'print': give a function that takes one record"):
        Entitlements("sk_test_1", observer="print")
