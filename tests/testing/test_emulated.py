"""A Stripe for one test: what is named is made, what happens is heard of."""

from __future__ import annotations

import json

import pytest

from entitlements import Entitlements, InvalidSettings, Limits
from entitlements.emulator import ApiError
from entitlements.resolver import core_of
from entitlements.testing import EmulatedStripe


@pytest.fixture(name="stripe")
def _stripe():
    with EmulatedStripe() as stripe:
        yield stripe


def test_customers_products_and_features_are_made_as_they_are_named(stripe):
    """Once each: a product gets what it lacks, and keeps what it has."""
    stripe.subscribe("cus_1", "pro", features=["exports"])
    stripe.subscribe("cus_2", "pro", features=["exports", "sso"])
    stripe.subscribe("cus_2", "prod_pro")
    stripe.subscribe("cus_1", "team", features=["sso"])
    held = {customer: set(stripe.emulator.entitlements(customer)) for customer in ("cus_1", "cus_2")}
    assert held == {"cus_1": {"exports", "sso"}, "cus_2": {"exports", "sso"}}
    products = {each["id"]: each["name"] for each in stripe.emulator.request("GET", "/v1/products")["data"]}
    assert products == {"prod_pro": "Pro", "prod_team": "Team"}


def test_a_product_that_nobody_described_is_not_made(stripe):
    """A slip of the pen is no new product."""
    with pytest.raises(LookupError, match="'por' is neither a price nor a product"):
        stripe.subscribe("cus_1", "por")


def test_a_subscription_or_all_of_a_customer_s_are_cancelled(stripe):
    """By either id."""
    exports = stripe.subscribe("cus_1", "pro", features=["exports"])
    stripe.subscribe("cus_1", "team", features=["sso"])
    stripe.subscribe("cus_1", "team")
    stripe.cancel(exports)
    assert set(stripe.emulator.entitlements("cus_1")) == {"sso"}
    stripe.cancel("cus_1")
    assert stripe.emulator.entitlements("cus_1") == ()
    with pytest.raises(LookupError, match="'cus_1' has no subscription to cancel"):
        stripe.cancel("cus_1")
    with pytest.raises(ApiError):
        stripe.cancel("sub_none")


def test_an_instance_that_is_brought_no_webhooks_hears_of_nothing(stripe):
    """Before the test says so."""
    ents = stripe.entitlements(webhooks=False)
    stripe.subscribe("cus_1", "pro", features=["exports"])
    seen = [ents.has_feature("cus_1", "exports")]
    stripe.cancel("cus_1")
    seen.append(ents.has_feature("cus_1", "exports"))
    for webhook in stripe.webhooks():
        ents.handle_webhook(*webhook)
    seen.append(ents.has_feature("cus_1", "exports"))
    assert seen == [True, True, False]


def test_no_question_waits_for_its_turn(stripe):
    """Unless the test says how large the rate budget is."""
    ents, slow = stripe.entitlements(), stripe.entitlements(limits=Limits(requests_per_second=3))
    assert [core_of(each).cache._rate.sustained for each in (ents, slow)] == [1_000, 3]


def test_instances_hear_of_everything_at_once_and_of_no_more_than_that(stripe):
    """By webhooks that they verify, before the call that caused them returns."""
    hears = stripe.entitlements()
    stripe.subscribe("cus_1", "pro", features=["exports"])
    assert hears.has_feature("cus_1", "exports")
    assert (hears.stats().live_feed, hears.stats().fetches) == (True, 1)
    hears.has_feature("cus_1", "exports")
    stripe.deliver()
    assert hears.has_feature("cus_1", "exports")
    assert hears.stats().fetches == 1
    stripe.cancel("cus_1")
    assert not hears.has_feature("cus_1", "exports")


def test_an_instance_hears_of_nothing_that_came_before_it(stripe):
    """What was bought by then it sees when it asks."""
    stripe.subscribe("cus_1", "pro", features=["exports"])
    ents = stripe.entitlements()
    stripe.deliver()
    assert ents.has_feature("cus_1", "exports")
    assert not ents.stats().live_feed


def test_webhooks_are_taken_however_many_there_are(stripe):
    """More than a page of them, each once, in their order."""
    customers = [stripe.emulator.customer(f"cus_{number}") for number in range(230)]
    events = [json.loads(payload) for payload, _ in stripe.webhooks()]
    assert [event["data"]["object"]["id"] for event in events] == customers


def test_webhooks_are_there_to_be_brought_to_one_s_own_endpoint(stripe):
    """Signed with the secret, once each, the oldest first."""
    stripe.subscribe("cus_1", "pro", features=["exports"])
    taken = stripe.webhooks()
    with Entitlements(stripe.api_key, api_base=stripe.url, webhook_secrets=[stripe.webhook_secret]) as ents:
        results = [ents.handle_webhook(payload, signature) for payload, signature in taken]
    kinds = [result.type for result in results]
    assert kinds.index("customer.created") < kinds.index("customer.subscription.created")
    assert results[-1].customer == "cus_1"
    assert stripe.webhooks() == []
    stripe.cancel("cus_1")
    assert stripe.webhooks() != []


def test_an_application_is_pointed_at_it_by_its_environment(stripe, monkeypatch):
    """`environ` has all that `Entitlements()` reads."""
    for name, value in stripe.environ.items():
        monkeypatch.setenv(name, value)
    stripe.subscribe("cus_1", "pro", features=["exports"])
    with Entitlements() as ents:
        assert ents.has_feature("cus_1", "exports")
        assert [ents.handle_webhook(*webhook).customer for webhook in stripe.webhooks()][-1] == "cus_1"


def test_the_instances_it_made_are_closed_with_it(stripe):
    """And are made with whatever an `Entitlements` takes."""
    with EmulatedStripe({"features": {"sso": "Sign-on"}}) as other:
        ents = other.entitlements(feature_classes={"sso": "strict"}, strict=False)
        with pytest.raises(InvalidSettings, match="sweep is 'often'"):
            other.entitlements(sweep="often")
    assert ents.check("cus_1", "sso").detail == "this instance was closed"
