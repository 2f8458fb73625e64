"""Loading: what somebody saw at Stripe, reproduced here from what its API gave."""

from __future__ import annotations

import pytest
import stripe

from entitlements.emulator import Clock, StripeEmulator

AT = 1_750_000_000
DAY = 86_400


@pytest.fixture
def emulator():
    with StripeEmulator(clock=Clock(AT)) as emulator:
        yield emulator


@pytest.fixture
def seen():
    """Give the objects of another account, as its lists and events showed them."""
    shop = {
        "features": {"sso": "Sign-on", "exports": "Exports"},
        "products": {"pro": {"features": ["sso", "exports"], "price": 2900}},
    }
    with StripeEmulator(catalog=shop, clock=Clock(AT)) as other:
        other.customer("cus_alice", email="a@example.com")
        other.subscribe("cus_alice", "pro", metadata={"seats": "3"})
        other.scheduled_query_run(title="Plans", sql="select 1", csv="a\n")
        paths = (
            "/v1/customers",
            "/v1/products",
            "/v1/prices",
            "/v1/entitlements/features",
            "/v1/products/prod_pro/features",
            "/v1/subscriptions",
            "/v1/customer/cus_alice/entitlements",
            "/v1/sigma/scheduled_query_runs",
            "/v1/events",
        )
        yield {path: other.request("GET", path) for path in paths}


def test_a_loaded_account_answers_as_the_one_it_came_from(emulator, wire, seen):
    """Every list that was loaded is answered field by field; only a file's address is the emulator's own."""
    emulator.load(seen.values())
    for path, listed in seen.items():
        answer = wire("GET", path).body
        loaded = listed["data"]
        if path == "/v1/sigma/scheduled_query_runs":
            file = loaded[0]["file"]
            file["url"] = f"{emulator.url}/v1/files/{file['id']}/contents"
        assert answer["data"] == loaded, path


def test_a_loaded_account_goes_on_living(emulator, client, held, seen):
    """What was loaded is bought, cancelled and renewed like anything made here, and loading itself sends nothing."""
    emulator.load([listed for path, listed in seen.items() if path != "/v1/events"])
    assert client.events.list().data == []
    subscription = client.subscriptions.list().data[0]
    entitlement = client.entitlements.active_entitlements.list({"customer": "cus_alice"}).data[0]
    assert entitlement.id in [one["id"] for one in seen["/v1/customer/cus_alice/entitlements"]["data"]]
    emulator.advance(days=31)
    renewed = client.subscriptions.retrieve(subscription.id)["items"].data[0]
    assert renewed.current_period_start > subscription["items"].data[0].current_period_start
    client.subscriptions.cancel(subscription.id)
    assert held("cus_alice") == set()


def test_a_summary_says_what_a_customer_holds(emulator, client, held):
    """A summary from an event sets a customer's entitlements, also where no subscription would grant them."""
    feature = {"object": "entitlements.feature", "id": "feat_1", "lookup_key": "sso"}
    held_there = {"object": "entitlements.active_entitlement", "id": "ent_1", "livemode": False, "lookup_key": "sso"}
    summary = {
        "object": "entitlements.active_entitlement_summary",
        "customer": "cus_alice",
        "entitlements": {"object": "list", "data": [{**held_there, "feature": "feat_1"}]},
    }
    emulator.load([{"object": "customer", "id": "cus_alice"}, feature, summary])
    assert held("cus_alice") == {"sso"}
    emulator.load({**summary, "entitlements": {"object": "list", "data": []}})
    assert held("cus_alice") == set()


def test_loading_again_replaces(emulator, client):
    """The same id loaded twice is one object, as it came last."""
    for name in ("A", "B"):
        emulator.load({"object": "customer", "id": "cus_1", "name": name})
    assert [one.name for one in client.customers.list().data] == ["B"]


def test_loading_is_scoped(emulator, connect):
    """A shop loads into its own account."""
    emulator.within("acct_team").load({"object": "customer", "id": "cus_1"})
    with pytest.raises(stripe.InvalidRequestError):
        connect(emulator).customers.retrieve("cus_1")
    assert connect(emulator, stripe_account="acct_team").customers.retrieve("cus_1").id == "cus_1"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"object": "invoice", "id": "in_1"}, "the emulator loads"),
        ({"id": "cus_1"}, "the emulator loads"),
        ({"object": "customer"}, "has no 'id'"),
        ({"object": "price", "id": "price_1", "product": "prod_x"}, "there is no product 'prod_x'; load it first"),
        ({"object": "payment_attempt_record", "id": "par_1"}, "has no 'amount_requested'"),
        ({"object": "list", "data": [{"object": "product_feature", "id": "prodft_1"}]}, "the emulator loads"),
    ],
)
def test_what_can_not_be_loaded_is_refused_and_nothing_is_kept(emulator, body, message):
    """A type the emulator doesn't keep, a missing field or a missing owner is named; the whole load is undone."""
    with pytest.raises(ValueError, match=message):
        emulator.load([{"object": "customer", "id": "cus_first"}, body])
    assert emulator.request("GET", "/v1/customers")["data"] == []
