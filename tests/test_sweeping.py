"""`sweep=`: changes whose webhook never comes are noticed, for all customers at once, by one process of a host."""

from __future__ import annotations

import pytest
from controlled import Truth, wait_for

from entitlements import Entitlements, InvalidSettings, Limits
from entitlements.cache import fences
from entitlements.emulator import StripeEmulator

CATALOG = {
    "features": {"exports": "Exports"},
    "products": {"pro": {"name": "Pro", "features": ["exports"], "price": 2900}},
}
EVENTS = ("GET", "/v1/events")


@pytest.fixture(name="stripe", scope="module")
def _stripe():
    with StripeEmulator(catalog=CATALOG) as stripe:
        yield stripe


@pytest.fixture(autouse=True)
def _clean(stripe: StripeEmulator):
    stripe.reset()
    stripe.faults.clear()


def follow(stripe, **options):
    options.setdefault("limits", Limits(requests_per_second=200))
    return Entitlements(stripe.api_key, api_base=stripe.url, sweep=0.05, **options)


def test_a_purchase_and_a_cancellation_are_noticed_without_a_webhook(stripe):
    """R42: no endpoint is registered, and access begins and ends within a sweep."""
    customer = stripe.customer()
    with follow(stripe) as ents:
        assert not ents.has_feature(customer, "exports")
        subscription = stripe.subscribe(customer, "pro")
        wait_for(lambda: ents.check(customer, "exports").allowed)
        stripe.cancel(subscription)
        wait_for(lambda: not ents.check(customer, "exports"))


def test_sweeping_shows_that_changes_arrive(stripe):
    """A sweep that succeeded is as good as a webhook: refusals are trusted for their time to live."""
    customer = stripe.customer()
    with follow(stripe) as ents:
        assert not ents.stats().live_feed
        ents.has_feature(customer, "exports")
        wait_for(lambda: ents.stats().live_feed)


def test_an_instance_nobody_asks_doesn_t_sweep(stripe):
    """Nothing runs before the first question: a parent that only forks has no thread to lose."""
    with follow(stripe) as ents:
        assert stripe.count(*EVENTS) == 0
        ents.has_feature(stripe.customer(), "exports")
        wait_for(lambda: stripe.count(*EVENTS) > 0)


def test_one_process_of_a_host_sweeps_for_all(stripe, tmp_path):
    """With a shared path a second process asks for no events, and knows what the first one learns."""
    customer = stripe.customer()
    with follow(stripe, shared_path=tmp_path / "shared") as one:
        assert not one.has_feature(customer, "exports")
        wait_for(lambda: one.stats().live_feed)
        fences._at.clear()  # another process maps the file itself
        with follow(stripe, shared_path=tmp_path / "shared") as other:
            other._core._upstream.page = None  # it would fail if it asked
            assert not other.has_feature(customer, "exports")
            wait_for(lambda: other.stats().live_feed)
            stripe.subscribe(customer, "pro")
            wait_for(lambda: other.check(customer, "exports").allowed)


def test_a_failing_event_list_harms_nobody(stripe, caplog):
    """The key may not read events: that is logged, and questions are answered as without a sweep."""
    stripe.faults.status(403, "GET", "/v1/events")
    customer = stripe.customer()
    stripe.subscribe(customer, "pro")
    with follow(stripe) as ents:
        assert ents.has_feature(customer, "exports")
        wait_for(lambda: any("a sweep failed" in message for message in caplog.messages))
        assert not ents.stats().live_feed


def test_a_closed_instance_sweeps_no_more(stripe):
    """After close the thread ends, and Stripe hears nothing more."""
    with follow(stripe) as ents:
        ents.has_feature(stripe.customer(), "exports")
        wait_for(lambda: stripe.count(*EVENTS) > 0)
        thread = ents._core.changes._sweeper._thread
    wait_for(lambda: not thread.is_alive())


@pytest.mark.parametrize("sweep", [0, -1, True, "5", float("nan"), float("inf"), 1e9])
def test_an_interval_that_can_t_be_one_is_refused(sweep):
    """A wrong setting is named before anything is asked."""
    with pytest.raises(InvalidSettings, match="sweep is"):
        Entitlements("sk_test_1", sweep=sweep)


def test_a_source_of_one_s_own_needs_a_key_to_sweep(monkeypatch):
    """The event list is Stripe's, whatever the source is."""
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    with pytest.raises(InvalidSettings, match="no Stripe key"):
        Entitlements(source=Truth(), sweep=5)
