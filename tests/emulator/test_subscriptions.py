"""The life of a subscription, and what it entitles to."""

from __future__ import annotations

import re

import pytest
import stripe

from entitlements.emulator import ApiError, Clock, Rules, StripeEmulator

DAY = 86_400
START = 1_750_000_000


def buy(client, customer, *prices, **params):
    return client.subscriptions.create(
        {"customer": customer, "items": [{"price": price} for price in prices], **params}
    )


@pytest.fixture
def emulator():
    from_conftest = {
        "features": {"exports": "Data exports", "sso": "Single sign-on", "audit": "Audit log"},
        "products": {
            "starter": {"features": ["exports"], "prices": {"monthly": 900, "daily": {"price": 50, "interval": "day"}}},
            "pro": {"features": ["exports", "sso"], "price": 2900},
            "book": {"price": 1500, "interval": "once"},
        },
    }
    with StripeEmulator(catalog=from_conftest, clock=Clock(START)) as emulator:
        yield emulator


@pytest.fixture
def alice(client):
    return client.customers.create({"email": "alice@example.com"}).id


def test_buying_entitles_upgrading_adds_and_cancelling_revokes(client, alice, held, summaries):
    """One purchase walks the whole way: nothing, starter, pro, nothing, with one summary for each step."""
    assert held(alice) == set()
    subscription = buy(client, alice, "price_starter_monthly")
    assert held(alice) == {"exports"}
    before = client.entitlements.active_entitlements.list({"customer": alice}).data[0]
    item = subscription["items"].data[0]
    upgraded = client.subscriptions.update(subscription.id, {"items": [{"id": item.id, "price": "price_pro"}]})
    assert [(one.id, one.price.id) for one in upgraded["items"].data] == [(item.id, "price_pro")]
    assert held(alice) == {"exports", "sso"}
    assert client.entitlements.active_entitlements.retrieve(before.id) == before
    ended = client.subscriptions.cancel(subscription.id)
    assert (ended.status, ended.ended_at, ended.canceled_at) == ("canceled", START, START)
    assert held(alice) == set()
    assert summaries(alice) == [(["exports"], []), (["exports", "sso"], ["exports"]), ([], ["exports", "sso"])]
    with pytest.raises(stripe.InvalidRequestError, match="No such active entitlement"):
        client.entitlements.active_entitlements.retrieve(before.id)


def test_an_active_entitlement_has_stripes_five_fields(client, alice):
    """An active entitlement names its feature by id, or holds it whole when expanded."""
    buy(client, alice, "price_starter_monthly")
    feature = client.entitlements.features.list({"lookup_key": "exports"}).data[0]
    listed = client.entitlements.active_entitlements.list({"customer": alice})
    assert listed.url == "/v1/entitlements/active_entitlements"
    plain = listed.data[0].to_dict()
    assert plain == {
        "id": plain["id"],
        "object": "entitlements.active_entitlement",
        "feature": feature.id,
        "livemode": False,
        "lookup_key": "exports",
    }
    assert plain["id"].startswith("ent_test_61")
    expanded = client.entitlements.active_entitlements.list({"customer": alice, "expand": ["data.feature"]}).data[0]
    assert expanded.to_dict() == {**plain, "feature": feature.to_dict()}
    one = client.entitlements.active_entitlements.retrieve(plain["id"], {"expand": ["feature"]})
    assert one == expanded


def test_two_sources_make_one_entitlement_that_leaves_with_the_last(client, alice, held):
    """Two subscriptions that grant a feature grant it once; its id lives until both are gone."""
    first, second = buy(client, alice, "price_starter_monthly"), buy(client, alice, "price_pro")
    entitlement = client.entitlements.active_entitlements.list({"customer": alice}).data[-1]
    assert entitlement.lookup_key == "exports"
    client.subscriptions.cancel(first.id)
    assert client.entitlements.active_entitlements.retrieve(entitlement.id) == entitlement
    client.subscriptions.cancel(second.id)
    assert held(alice) == set()
    buy(client, alice, "price_starter_monthly")
    assert client.entitlements.active_entitlements.list({"customer": alice}).data[0].id != entitlement.id


@pytest.mark.parametrize(
    ("status", "entitled"),
    [
        ("trialing", True),
        ("active", True),
        ("past_due", True),
        ("unpaid", True),
        ("paused", True),
        ("incomplete", False),
        ("incomplete_expired", False),
        ("canceled", False),
    ],
)
def test_a_status_entitles_or_not(emulator, alice, held, status, entitled):
    """Each of the eight statuses grants or withholds as Stripe documents or the emulator chose."""
    emulator.set_status(emulator.subscribe(alice, "starter"), status)
    (subscription,) = emulator.request("GET", "/v1/subscriptions", status="all")["data"]
    assert subscription["status"] == status
    assert held(alice) == ({"exports"} if entitled else set())


def test_which_statuses_grant_can_be_chosen(emulator):
    """`Rules` decides where Stripe is silent."""
    rules = Rules(granting=frozenset({"active"}))
    with StripeEmulator(rules=rules) as strict:
        strict.feature("sso")
        strict.request("POST", "/v1/products", id="prod_pro", name="Pro")
        strict.attach("pro", "sso")
        recurring = {"interval": "month"}
        strict.request("POST", "/v1/prices", product="prod_pro", unit_amount=1, currency="usd", recurring=recurring)
        bob = strict.customer("cus_bob")
        subscription = strict.subscribe(bob, "pro")
        assert strict.entitlements(bob) == ("sso",)
        strict.set_status(subscription, "unpaid")
        assert strict.entitlements(bob) == ()


def test_an_attached_feature_waits_for_the_next_period(emulator, client, alice, held, summaries):
    """A feature attached after purchase reaches a subscriber when the next period begins, and sends no event before."""
    buy(client, alice, "price_starter_monthly")
    emulator.attach("starter", "audit")
    assert held(alice) == {"exports"}
    assert len(summaries(alice)) == 1
    emulator.advance(days=27)
    assert held(alice) == {"exports"}
    emulator.advance(days=4)
    assert held(alice) == {"exports", "audit"}
    assert summaries(alice)[-1:] == [(["audit", "exports"], ["exports"])]


def test_a_changed_item_picks_up_the_catalogue_and_a_changed_note_does_not(emulator, client, alice, held):
    """An update of items refreshes what a subscription grants; an update of metadata doesn't."""
    subscription = buy(client, alice, "price_starter_monthly")
    emulator.attach("starter", "audit")
    client.subscriptions.update(subscription.id, {"metadata": {"note": "x"}})
    assert held(alice) == {"exports"}
    item = subscription["items"].data[0].id
    client.subscriptions.update(subscription.id, {"items": [{"id": item, "quantity": 2}]})
    assert held(alice) == {"exports", "audit"}


def test_a_detached_feature_stays_until_the_next_period(emulator, client, alice, held):
    """Detaching takes nothing from those who subscribe, until their period ends; new buyers don't get it."""
    buy(client, alice, "price_starter_daily")
    attached = client.products.features.list("prod_starter").data[0]
    client.products.features.delete("prod_starter", attached.id)
    bob = client.customers.create().id
    buy(client, bob, "price_starter_daily")
    assert (held(alice), held(bob)) == ({"exports"}, set())
    emulator.advance(days=1)
    assert (held(alice), held(bob)) == (set(), set())


def test_catalogue_changes_can_be_told_to_reach_subscribers_at_once():
    """With `catalog_at_once` an attached feature arrives without waiting."""
    shop = {"features": {"a": "A", "b": "B"}, "products": {"pro": {"features": ["a"], "price": 1}}}
    with StripeEmulator(catalog=shop, rules=Rules(catalog_at_once=True)) as emulator:
        bob = emulator.customer()
        emulator.subscribe(bob, "pro")
        emulator.attach("pro", "b")
        assert emulator.entitlements(bob) == ("a", "b")


def test_an_archived_feature_is_still_granted_where_it_is_attached(client, alice, held):
    """Archiving revokes nothing, and new subscribers of a product that has it still get it."""
    buy(client, alice, "price_starter_monthly")
    feature = client.entitlements.features.list({"lookup_key": "exports"}).data[0]
    client.entitlements.features.update(feature.id, {"active": False})
    bob = client.customers.create().id
    buy(client, bob, "price_starter_monthly")
    assert (held(alice), held(bob)) == ({"exports"}, {"exports"})


def test_cancelling_at_the_periods_end_keeps_access_until_then(emulator, client, alice, held):
    """The subscription stays active and granting, says when it will end, and then does."""
    subscription = buy(client, alice, "price_starter_daily")
    put_off = client.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (put_off.status, put_off.cancel_at, put_off.canceled_at) == ("active", START + DAY, START)
    kept = client.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (kept.cancel_at, kept.canceled_at) == (None, None)
    client.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    emulator.advance(seconds=DAY - 1)
    assert held(alice) == {"exports"}
    emulator.advance(seconds=1)
    assert held(alice) == set()
    assert client.subscriptions.retrieve(subscription.id).ended_at == START + DAY


def test_due_time_passes_before_a_request_is_answered(emulator, client, alice, held):
    """A clock that moved by itself is noticed by the next request, whatever it asks."""
    buy(client, alice, "price_starter_daily", cancel_at_period_end=True)
    emulator.clock.advance(days=2)
    assert held(alice) == set()


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        ("create_invoice", ("active", ("exports",), 1)),
        ("pause", ("paused", ("exports",), 1)),
        ("cancel", ("canceled", (), 2)),
    ],
)
def test_a_trial_ends_as_it_was_told_to(emulator, client, alice, behavior, expected):
    """A trial entitles; a trial that ends in paused keeps its entitlements and sends no summary (R46)."""
    settings = {"end_behavior": {"missing_payment_method": behavior}}
    subscription = buy(client, alice, "price_starter_monthly", trial_period_days=7, trial_settings=settings)
    assert (subscription.status, subscription.trial_end) == ("trialing", START + 7 * DAY)
    assert emulator.entitlements(alice) == ("exports",)
    emulator.advance(days=7)
    status = client.subscriptions.retrieve(subscription.id).status
    summaries = client.events.list({"type": "entitlements.*"}).data
    assert (status, emulator.entitlements(alice), len(summaries)) == expected


def test_renewals_follow_one_another_with_their_own_events(emulator, client, alice):
    """A clock moved by three days renews a daily subscription three times, each at its own moment."""
    subscription = buy(client, alice, "price_starter_daily")
    emulator.advance(days=3)
    item = client.subscriptions.retrieve(subscription.id)["items"].data[0]
    assert (item.current_period_start, item.current_period_end) == (START + 3 * DAY, START + 4 * DAY)
    renewals = client.events.list({"type": "customer.subscription.updated"}).data
    assert [event.created for event in renewals] == [START + 3 * DAY, START + 2 * DAY, START + DAY]
    assert renewals[0].request.to_dict() == {"id": None, "idempotency_key": None}


def test_pausing_collection_changes_no_entitlement(client, alice, held):
    """`pause_collection` leaves status and access alone."""
    subscription = buy(client, alice, "price_starter_monthly")
    paused = client.subscriptions.update(subscription.id, {"pause_collection": {"behavior": "void"}})
    assert (paused.status, paused.pause_collection.behavior) == ("active", "void")
    assert held(alice) == {"exports"}
    assert client.subscriptions.update(subscription.id, {"pause_collection": ""}).pause_collection is None


def test_items_are_added_and_deleted(client, alice, held):
    """An item without an id is added, one marked deleted goes, and the last one can't."""
    subscription = buy(client, alice, "price_starter_monthly")
    first = subscription["items"].data[0].id
    both = client.subscriptions.update(subscription.id, {"items": [{"price": "price_pro"}]})
    assert [item.price.id for item in both["items"].data] == ["price_starter_monthly", "price_pro"]
    client.subscriptions.update(subscription.id, {"items": [{"id": first, "deleted": True}]})
    assert held(alice) == {"exports", "sso"}
    last = client.subscriptions.retrieve(subscription.id)["items"].data[0].id
    with pytest.raises(stripe.InvalidRequestError):
        client.subscriptions.update(subscription.id, {"items": [{"id": last, "deleted": True}]})
    assert held(alice) == {"exports", "sso"}


def test_subscriptions_are_listed_by_customer_price_and_status(client, alice):
    """A list leaves out canceled ones unless asked; each filter narrows it."""
    bob = client.customers.create().id
    ended, pro = buy(client, alice, "price_starter_monthly"), buy(client, alice, "price_pro")
    other = buy(client, bob, "price_pro")
    client.subscriptions.cancel(ended.id)

    def listed(**params):
        return [subscription.id for subscription in client.subscriptions.list(params).data]

    assert listed() == [other.id, pro.id]
    assert listed(customer=alice) == [pro.id]
    assert listed(customer=alice, status="all") == [pro.id, ended.id]
    assert listed(status="canceled") == listed(status="ended") == [ended.id]
    assert listed(price="price_pro") == [other.id, pro.id]
    assert listed(price="price_starter_monthly", status="all") == [ended.id]


@pytest.mark.parametrize(
    ("params", "param", "message"),
    [
        ({"items": [{"price": "price_pro"}]}, "customer", "Missing required param: customer."),
        ({"customer": "CUS"}, "items", "Missing required param: items."),
        ({"customer": "cus_x", "items": [{"price": "price_pro"}]}, "customer", "No such customer: 'cus_x'"),
        ({"customer": "CUS", "items": [{"price": "price_x"}]}, "items[0][price]", "No such price: 'price_x'"),
        (
            {"customer": "CUS", "items": [{"quantity": 1}]},
            "items[0][price]",
            "Missing required param: items[0][price].",
        ),
        (
            {"customer": "CUS", "items": [{"price": "price_pro", "a": 1}]},
            "items[0][a]",
            "unknown parameter: items[0][a]",
        ),
        ({"customer": "CUS", "items": [{"price": "price_book"}]}, "items[0][price]", "type=one_time"),
        ({"customer": "CUS", "items": "price_pro"}, "items", "Invalid array"),
    ],
)
def test_a_bad_subscription_is_refused_and_leaves_nothing(client, alice, params, param, message):
    """Each refusal names the parameter, nested ones in brackets, and nothing was changed."""
    params = {**params, "customer": alice} if params.get("customer") == "CUS" else params
    with pytest.raises(stripe.InvalidRequestError, match=re.escape(message)) as refused:
        client.subscriptions.create(params)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert client.subscriptions.list({"status": "all"}).data == []


def test_deleting_a_customer_ends_everything(client, alice, held):
    """Its subscriptions are canceled, its entitlements revoked, and a later read gives the deleted form."""
    subscription = buy(client, alice, "price_pro")
    deleted = {"id": alice, "object": "customer", "deleted": True}
    assert client.customers.delete(alice).to_dict() == deleted
    assert client.customers.retrieve(alice).to_dict() == deleted
    assert client.subscriptions.retrieve(subscription.id).status == "canceled"
    assert held(alice) == set()
    assert client.customers.list().data == []
    last = [event.type for event in client.events.list({"limit": 3}).data]
    assert last == [
        "customer.deleted",
        "entitlements.active_entitlement_summary.updated",
        "customer.subscription.deleted",
    ]
    with pytest.raises(stripe.InvalidRequestError, match=f"No such customer: '{alice}'"):
        client.customers.update(alice, {"name": "x"})


def test_an_unknown_customer_has_no_list(client):
    """Asking for a customer that never was is refused, by parameter and by path."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.entitlements.active_entitlements.list({"customer": "cus_x"})
    error = refused.value
    assert (error.http_status, error.code, error.param) == (400, "resource_missing", "customer")
    assert error.user_message == "No such customer: 'cus_x'"


def test_a_subscription_expands(client, alice):
    """Customers and products are put in the place of their ids, also inside lists."""
    buy(client, alice, "price_pro")
    paths = ["data.customer", "data.items.data.price.product"]
    subscription = client.subscriptions.list({"customer": alice, "expand": paths}).data[0]
    assert subscription.customer.email == "alice@example.com"
    assert subscription["items"].data[0].price.product.id == "prod_pro"


def test_a_status_put_by_hand_is_told_like_any_other(emulator, client, alice):
    """Pausing and resuming send their events, a trial by hand gets its dates, and what has ended stays ended."""
    subscription = buy(client, alice, "price_starter_monthly").id
    for status in ("trialing", "paused", "active", "canceled"):
        emulator.set_status(subscription, status)
    told = [event.type for event in client.events.list({"type": "customer.subscription.*"}).data]
    assert told[::-1] == [
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.updated",
        "customer.subscription.paused",
        "customer.subscription.updated",
        "customer.subscription.resumed",
        "customer.subscription.deleted",
    ]
    assert client.subscriptions.retrieve(subscription).trial_end == START + 14 * DAY
    for status in ("active", "nonsense"):
        with pytest.raises(ApiError) as refused:
            emulator.set_status(subscription, status)
        assert refused.value.status == 400
    with pytest.raises(stripe.InvalidRequestError):
        client.subscriptions.cancel(subscription)
