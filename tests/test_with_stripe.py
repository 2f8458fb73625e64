"""The library against a Stripe that keeps state: what is bought is had, whole, and what is cancelled is not."""

from __future__ import annotations

import asyncio
import threading

import pytest
from controlled import Ask, wait_for

from entitlements import Entitlements, FeatureRequired, Offer, Reason, Source, UnknownFeature
from entitlements.emulator import StripeEmulator
from entitlements.web.wsgi import webhook_endpoint

LIST = "/v1/entitlements/active_entitlements"
CATALOG = {
    "features": {"exports": "Data exports", "sso": "Single sign-on", "themes": "Themes"},
    "products": {
        "free": {"name": "Free", "features": ["themes"], "price": 0},
        "pro": {"name": "Pro", "features": ["themes", "exports"], "price": 2900},
        "business": {"name": "Business", "features": ["themes", "exports", "sso"], "price": 9900},
    },
}


@pytest.fixture(name="stripe", scope="module")
def _stripe():
    with StripeEmulator(catalog=CATALOG) as stripe:
        yield stripe


@pytest.fixture(autouse=True)
def _clean(stripe: StripeEmulator):
    stripe.reset()
    stripe.faults.clear()


@pytest.fixture(name="ents")
def _ents(stripe: StripeEmulator):
    with Entitlements(stripe.api_key, api_base=stripe.url) as ents:
        yield ents


def test_a_refusal_names_the_plans_and_a_purchase_ends_it(stripe, ents):
    """Refused with what unlocks it; bought; admitted; cancelled; refused."""
    customer = stripe.customer()
    refused = ents.check(customer, "exports")
    assert refused.reason is Reason.NOT_ENTITLED
    assert set(refused.unlock_with) == {Offer("prod_pro", "Pro"), Offer("prod_business", "Business")}
    subscription = stripe.subscribe(customer, "pro")
    ents.refresh(customer)
    assert ents.has_feature(customer, "exports")
    stripe.cancel(subscription)
    ents.refresh(customer)
    with pytest.raises(FeatureRequired, match="“exports” is part of"):
        ents.require(customer, "exports")


def test_a_customer_with_250_entitlements_is_read_whole(stripe, ents):
    """Three pages of a hundred, every key of them."""
    keys = [f"feature-{number:03}" for number in range(250)]
    product = stripe.request("POST", "/v1/products", name="Everything")["id"]
    for key in keys:
        stripe.feature(key)
        stripe.attach(product, key)
    price = stripe.request(
        "POST", "/v1/prices", product=product, currency="usd", unit_amount=1, recurring={"interval": "month"}
    )["id"]
    customer = stripe.customer()
    stripe.subscribe(customer, price)
    assert ents.for_customer(customer).pinned() == set(keys)
    assert stripe.count("GET", LIST) == 3


def test_32_threads_and_32_tasks_cost_one_list_each(stripe, ents):
    """However many ask about a customer nobody has seen, Stripe is asked once."""
    barrier = threading.Barrier(32)
    threads, tasks = stripe.customer(), stripe.customer()
    for customer in (threads, tasks):
        stripe.subscribe(customer, "pro")

    def ask() -> bool:
        barrier.wait()
        return ents.has_feature(threads, "exports")

    assert [question.answer() for question in [Ask(ask) for _ in range(32)]] == [True] * 32
    assert stripe.count("GET", LIST) == 1

    async def burst() -> list[bool]:
        return await asyncio.gather(*(ents.ahas_feature(tasks, "exports") for _ in range(32)))

    assert asyncio.run(burst()) == [True] * 32
    assert stripe.count("GET", LIST) == 2


def test_a_webhook_ends_what_was_cached_before_it_is_acknowledged(stripe):
    """From purchase to access and from cancellation to refusal, with nobody refreshing anything by hand."""
    with _Receiver() as receiver:
        secret = stripe.webhook(receiver.url)
        with Entitlements(stripe.api_key, api_base=stripe.url, webhook_secrets=[secret]) as ents:
            receiver.serve(webhook_endpoint(ents))
            customer = stripe.customer()
            assert not ents.has_feature(customer, "exports")
            subscription = stripe.subscribe(customer, "pro")
            wait_for(lambda: ents.has_feature(customer, "exports"), seconds=3)
            assert stripe.delivered()
            stripe.cancel(subscription)
            assert stripe.delivered()
            assert not ents.has_feature(customer, "exports")
            assert ents.stats().live_feed


def test_a_webhook_for_a_customer_with_eleven_features_loses_none(stripe):
    """Stripe's event carries ten of them and says that there are more; all eleven are had."""
    product = stripe.request("POST", "/v1/products", name="Eleven")["id"]
    keys = {f"feature-{number:02}" for number in range(11)}
    for key in keys:
        stripe.feature(key)
        stripe.attach(product, key)
    price = stripe.request(
        "POST", "/v1/prices", product=product, currency="usd", unit_amount=1, recurring={"interval": "month"}
    )["id"]
    customer = stripe.customer()
    with _Receiver() as receiver:
        secret = stripe.webhook(receiver.url, ["entitlements.active_entitlement_summary.updated"])
        with Entitlements(stripe.api_key, api_base=stripe.url, webhook_secrets=[secret]) as ents:
            receiver.serve(webhook_endpoint(ents))
            assert not ents.for_customer(customer).features
            stripe.subscribe(customer, price)
            assert stripe.delivered()
            (event,) = stripe.request("GET", "/v1/events", type="entitlements.*")["data"]
            carried = event["data"]["object"]["entitlements"]
            assert (len(carried["data"]), carried["has_more"]) == (10, True)
            assert ents.for_customer(customer).features == keys


def test_stripe_unreachable_admits_whom_it_knew(stripe, ents):
    """With Stripe gone, a payer stays in, and a stranger is told that it can't be told."""
    payer = stripe.customer()
    stripe.subscribe(payer, "pro")
    assert ents.has_feature(payer, "exports")
    stripe.pause()
    try:
        assert ents.check(payer, "exports").source is Source.CACHED
        assert ents.check("cus_stranger", "exports").reason is Reason.UNAVAILABLE
    finally:
        stripe.resume()


def test_a_typo_is_an_error_here(stripe, ents):
    """Against this machine's Stripe, strict mode names the key that was meant."""
    customer = stripe.customer()
    with pytest.raises(UnknownFeature, match="did you mean 'exports'"):
        ents.check(customer, "export")


def test_a_customer_stripe_doesn_t_know_is_refused(ents):
    """Unknown is a complete answer: nothing is held."""
    assert ents.check("cus_nobody", "exports").reason is Reason.NOT_ENTITLED


def test_the_client_writes_the_catalogue(stripe, ents):
    """Features are made, renamed, attached, detached and archived by the client that the resolver reads with."""
    feature = ents.stripe.features.create("reports", "Reports", {"team": "data"})
    assert ents.stripe.features.retrieve(feature.id) == feature
    assert ents.stripe.features.update(feature.id, name="Rapports").name == "Rapports"
    attached = ents.stripe.product_features.attach("prod_pro", feature.id)
    assert attached.entitlement_feature.lookup_key == "reports"
    keys = [each.entitlement_feature.lookup_key for each in ents.stripe.product_features.list("prod_pro")]
    assert "reports" in keys
    ents.stripe.product_features.detach("prod_pro", attached.id)
    assert ents.stripe.features.archive(feature.id).active is False
    assert {each.lookup_key for each in ents.stripe.features.list(archived=False)} == {"exports", "sso", "themes"}
    customer = stripe.customer()
    subscription = stripe.subscribe(customer, "pro", "business")
    (found,) = ents.stripe.subscriptions.list(customer=customer)
    assert (found.id, found.status, len(found.items.data)) == (subscription, "active", 2)
    assert {each.id for each in ents.stripe.products.list(active=True)} == {"prod_free", "prod_pro", "prod_business"}


class _Receiver:
    """A web server of the standard library, on a port of its own, that serves whatever application it is given."""

    def __init__(self) -> None:
        from wsgiref.simple_server import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

        self._app = None
        self._server = make_server(
            "127.0.0.1", 0, lambda environ, start: self._app(environ, start), handler_class=Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhook"

    def serve(self, app) -> None:
        self._app = app
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
