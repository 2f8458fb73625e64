"""The traps: what surprises people about Stripe's entitlements and its client, each reproduced by name.

Where Stripe's test mode can be asked the same, it is, if STRIPE_TEST_MODE_KEY is set.
"""

from __future__ import annotations

import time

import pytest
import requests
import stripe
from stripe_target import World

from entitlements.emulator import ApiError, StripeEmulator
from entitlements.emulator.resources.webhook_endpoints import EVENT_TYPES

DAY = 86_400
RETRIED = 3  # the first request and two more


@pytest.fixture(scope="module")
def session_of_module():
    with requests.Session() as session:
        yield session


@pytest.fixture
def build(target, session_of_module):
    """Make the official client, with the answers of the emulator held against Stripe's schemas elsewhere."""

    def make(**options):
        http = stripe.RequestsClient(session=session_of_module)
        return stripe.StripeClient(target.key, base_addresses=target.addresses, http_client=http, **options)

    return make


@pytest.fixture
def world(target, build):
    return World(build().v1, target)


@pytest.fixture
def emulator(target):
    emulator = target.needs_the_emulator("a fault is made on request")
    yield emulator
    emulator.faults.clear()


# Entitlements and the catalogue (facts 0.2 and 2)


def test_a_feature_attached_after_purchase_does_not_reach_who_has_bought(world):
    """Attach after purchase: nothing changes for subscribers, no event is sent, until the subscription is touched."""
    first, late = world.feature(), world.feature()
    subscription = world.subscription(first)
    product = subscription["items"].data[0].price.product
    assert world.comes_to_hold(subscription.customer, first)
    world.client.products.features.create(product, {"entitlement_feature": late.id})
    assert world.held(subscription.customer) == {first.lookup_key}
    assert len(world.summaries(subscription.customer)) == 1
    item = subscription["items"].data[0].id
    world.client.subscriptions.update(subscription.id, {"items": [{"id": item, "quantity": 2}]})
    assert world.comes_to_hold(subscription.customer, first, late)


def test_an_attached_feature_arrives_with_the_next_period(world):
    """Attach after purchase: the next billing period brings the feature."""
    first, late = world.feature(), world.feature()
    clock = world.clock()
    subscription = world.subscription(first, customer=world.customer(test_clock=clock.id))
    product = subscription["items"].data[0].price.product
    world.client.products.features.create(product, {"entitlement_feature": late.id})
    world.advance(clock, 32 * DAY)
    assert world.comes_to_hold(subscription.customer, first, late)


def test_a_detached_feature_stays_with_who_has_bought(world):
    """Detaching takes nothing away from subscribers before their next period."""
    feature = world.feature()
    subscription = world.subscription(feature)
    product = subscription["items"].data[0].price.product
    attached = world.client.products.features.list(product).data[0]
    world.client.products.features.delete(product, attached.id)
    assert world.comes_to_hold(subscription.customer, feature)


def test_an_archived_feature_goes_on_granting(world):
    """Archiving revokes nothing, and who buys a product that has the feature still gets it."""
    feature = world.feature()
    before = world.subscription(feature)
    world.client.entitlements.features.update(feature.id, {"active": False})
    price = before["items"].data[0].price.id
    customer = world.customer().id
    world.client.subscriptions.create({"customer": customer, "items": [{"price": price}]})
    assert world.comes_to_hold(before.customer, feature)
    assert world.comes_to_hold(customer, feature)


def test_archiving_can_not_be_undone_and_frees_the_lookup_key(world):
    """A key is unique among active features only: a second feature takes it, and both may be held at once."""
    features = world.client.entitlements.features
    old = world.feature()
    subscription = world.subscription(old)
    with pytest.raises(stripe.InvalidRequestError):
        features.create({"lookup_key": old.lookup_key, "name": "again"})
    features.update(old.id, {"active": False})
    with pytest.raises(stripe.InvalidRequestError):
        features.update(old.id, {"active": True})
    new = features.create({"lookup_key": old.lookup_key, "name": "again"})
    assert [one.id for one in features.list({"lookup_key": old.lookup_key}).data] == [new.id]
    assert [one.id for one in features.list({"lookup_key": old.lookup_key, "archived": True}).data] == [old.id]
    price = world.price(world.product(new)).id
    world.client.subscriptions.create({"customer": subscription.customer, "items": [{"price": price}]})
    held = world.client.entitlements.active_entitlements.list({"customer": subscription.customer}).data
    assert [(one.feature, one.lookup_key) for one in held] == [(new.id, old.lookup_key), (old.id, old.lookup_key)]


def test_a_trial_that_ends_in_paused_keeps_its_entitlements_without_a_word(world):
    """Paused trial: the subscription is paused, the entitlements stay, and no summary is sent."""
    feature = world.feature()
    clock = world.clock()
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    customer = world.customer(test_clock=clock.id)
    subscription = world.subscription(feature, customer=customer, trial_period_days=1, trial_settings=settings)
    assert world.comes_to_hold(customer.id, feature)
    world.advance(clock, DAY + 3_600)
    assert world.client.subscriptions.retrieve(subscription.id).status == "paused"
    assert world.held(customer.id) == {feature.lookup_key}
    assert len(world.summaries(customer.id)) == 1


def test_a_trial_grants_everything(world):
    """Trialing entitles like active."""
    feature = world.feature()
    subscription = world.subscription(feature, trial_period_days=7)
    assert subscription.status == "trialing"
    assert world.comes_to_hold(subscription.customer, feature)


def test_pausing_collection_changes_nothing(world):
    """With `pause_collection` status and entitlements stay as they were."""
    feature = world.feature()
    subscription = world.subscription(feature)
    pause = {"pause_collection": {"behavior": "void"}}
    assert world.client.subscriptions.update(subscription.id, pause).status == "active"
    assert world.comes_to_hold(subscription.customer, feature)


def test_a_cancellation_at_the_periods_end_waits_for_it(world):
    """Until the period ends the subscription is active and grants; then it is canceled and one summary says so."""
    feature = world.feature()
    clock = world.clock()
    subscription = world.subscription(feature, customer=world.customer(test_clock=clock.id), cancel_at_period_end=True)
    assert subscription.status == "active"
    assert world.comes_to_hold(subscription.customer, feature)
    world.advance(clock, 32 * DAY)
    assert world.client.subscriptions.retrieve(subscription.id).status == "canceled"
    assert world.comes_to_hold(subscription.customer)
    assert world.summaries(subscription.customer)[0].data.object["entitlements"].data == []


def test_past_due_keeps_access_and_incomplete_has_none(world, target):
    """Only cancellation revokes: past due and unpaid keep what they had; before the first payment there is nothing."""
    emulator = target.needs_the_emulator("a status is set by hand")
    feature = world.feature()
    subscription = world.subscription(feature)
    for status, keys in (
        ("past_due", {feature.lookup_key}),
        ("unpaid", {feature.lookup_key}),
        ("incomplete", set()),
        ("active", {feature.lookup_key}),
    ):
        emulator.set_status(subscription.id, status)
        assert world.held(subscription.customer) == keys


def test_quantity_and_price_mean_nothing(world):
    """Two seats give one entitlement, a price of zero grants like any other, and the object has no quantity."""
    feature = world.feature()
    subscription = world.subscription(feature)
    item = subscription["items"].data[0].id
    world.client.subscriptions.update(subscription.id, {"items": [{"id": item, "quantity": 2}]})
    assert world.comes_to_hold(subscription.customer, feature)
    held = world.client.entitlements.active_entitlements.list({"customer": subscription.customer}).data
    assert [sorted(one.to_dict()) for one in held] == [["feature", "id", "livemode", "lookup_key", "object"]]


def test_two_sources_make_one_entitlement(world):
    """One feature by two subscriptions is held once, and goes with the last of them."""
    feature = world.feature()
    first = world.subscription(feature)
    price = world.price(world.product(feature)).id
    second = world.client.subscriptions.create({"customer": first.customer, "items": [{"price": price}]})
    listed = world.client.entitlements.active_entitlements.list({"customer": first.customer}).data
    assert len(listed) == 1
    world.client.subscriptions.cancel(first.id)
    assert world.client.entitlements.active_entitlements.retrieve(listed[0].id).id == listed[0].id
    world.client.subscriptions.cancel(second.id)
    assert world.comes_to_hold(first.customer)


def test_an_upgrade_is_one_event(world):
    """Switching to another product's price changes the entitlements at once, with one summary of the whole."""
    basic, extra = world.feature(), world.feature()
    subscription = world.subscription(basic)
    item = subscription["items"].data[0].id
    price = world.price(world.product(basic, extra)).id
    world.client.subscriptions.update(subscription.id, {"items": [{"id": item, "price": price}]})
    assert world.comes_to_hold(subscription.customer, basic, extra)
    upgrade, purchase = world.summaries(subscription.customer)
    keys = [one.lookup_key for one in upgrade.data.object["entitlements"].data]
    assert sorted(keys) == sorted([basic.lookup_key, extra.lookup_key])
    assert purchase.data.previous_attributes["entitlements"].to_dict() == {"data": []}


def test_a_payment_grants_nothing(world):
    """A one-off payment reported for a customer entitles to nothing: only subscriptions do."""
    customer = world.customer().id
    world.guaranteed(customer_details={"customer": customer})
    assert world.held(customer) == set()


def test_a_deleted_customer_is_revoked_before_the_deletion_is_told(world):
    """Deleting a customer cancels at once: the summary is empty and comes before `customer.deleted`."""
    feature = world.feature()
    customer = world.subscription(feature).customer
    assert world.comes_to_hold(customer, feature)
    world.client.customers.delete(customer)
    assert world.client.customers.retrieve(customer).to_dict() == {
        "id": customer,
        "object": "customer",
        "deleted": True,
    }
    kinds = ["customer.deleted", "entitlements.active_entitlement_summary.updated", "customer.subscription.deleted"]
    assert [event.type for event in world.client.events.list({"types": kinds, "limit": 3}).data] == kinds
    assert world.summaries(customer)[0].data.object["entitlements"].data == []


def test_an_archived_product_and_a_renamed_feature_change_nothing(world):
    """Archiving a product takes nothing away, renaming a feature neither, and there is no event for either."""
    feature = world.feature()
    subscription = world.subscription(feature)
    assert world.comes_to_hold(subscription.customer, feature)
    world.client.products.update(subscription["items"].data[0].price.product, {"active": False})
    world.client.entitlements.features.update(feature.id, {"name": "Renamed", "metadata": {"a": "b"}})
    assert world.held(subscription.customer) == {feature.lookup_key}
    assert len(world.summaries(subscription.customer)) == 1


def test_features_and_payments_send_no_events(world):
    """There is no event type for features, product features, payment records or webhook endpoints."""
    world.product(world.feature())
    world.guaranteed()
    told = {event.type for event in world.client.events.list({"limit": 100}).data}
    assert not [kind for kind in (*told, *EVENT_TYPES) if kind.startswith(("entitlements.feature", "payment_record"))]
    with pytest.raises(stripe.InvalidRequestError):
        world.client.webhook_endpoints.create(
            {"url": "https://example.com", "enabled_events": ["entitlements.feature.created"]}
        )


# Summaries and lists


def test_a_summary_inlines_ten_and_its_url_leads_to_the_rest(world):
    """Ten inline entitlements: no id on the summary, `has_more`, and a url in the singular that the client can page."""
    features = [world.feature() for _ in range(11)]
    customer = world.subscription(*features).customer
    assert world.comes_to_hold(customer, *features)
    event = world.summaries(customer)[0]
    summary = event.data.object
    assert sorted(summary.to_dict()) == ["customer", "entitlements", "livemode", "object"]
    assert (len(summary["entitlements"].data), summary["entitlements"].has_more) == (10, True)
    assert summary["entitlements"].url == f"/v1/customer/{customer}/entitlements"
    assert event.request.to_dict() == {"id": None, "idempotency_key": None}
    paged = [one.lookup_key for one in summary["entitlements"].auto_paging_iter()]
    assert sorted(paged) == sorted(feature.lookup_key for feature in features)


def test_a_list_without_a_limit_stops_at_ten(world):
    """A naive list call gives ten, so the eleventh feature looks missing."""
    features = [world.feature() for _ in range(11)]
    customer = world.subscription(*features).customer
    assert world.comes_to_hold(customer, *features)
    page = world.client.entitlements.active_entitlements.list({"customer": customer})
    assert (len(page.data), page.has_more) == (10, True)


@pytest.mark.parametrize(("limit", "count"), [(0, 1), (-1, 1), (3, 2), (101, 2), (10_000, 2)])
def test_a_limit_out_of_range_is_clamped_and_not_refused(world, limit, count):
    """No limit is an error: below one it acts as one, above a hundred as a hundred."""
    email = f"{world.name()}@example.com"
    for _ in range(2):
        world.customer(email=email)
    assert len(world.client.customers.list({"email": email, "limit": limit}).data) == count


def test_a_customer_who_has_nothing_is_an_empty_list_and_no_error(world):
    """An empty list for a customer without entitlements; 400, not 404, for a customer who isn't there."""
    customer = world.customer().id
    assert world.held(customer) == set()
    with pytest.raises(stripe.InvalidRequestError, match="No such customer: 'cus_nobody'") as refused:
        world.held("cus_nobody")
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, "resource_missing", "customer")


def test_a_lookup_key_is_fixed_and_bounded(world):
    """Eighty characters, not one more, and never changed."""
    features = world.client.entitlements.features
    longest = world.name().ljust(80, "x")
    feature = features.create({"lookup_key": longest, "name": "n" * 80})
    with pytest.raises(stripe.InvalidRequestError):
        features.create({"lookup_key": longest + "x", "name": "n"})
    with pytest.raises(stripe.InvalidRequestError, match="Received unknown parameter: lookup_key"):
        features.update(feature.id, {"lookup_key": world.name()})


def test_payment_records_can_be_listed_and_reported_canceled(world):
    """The list exists, `canceled` is an outcome, and processor details may be left out."""
    now = int(time.time())
    record = world.payment(outcome="canceled", canceled={"canceled_at": now})
    assert record.amount_canceled.value == 1000
    listed = world.client.payment_records.list({"created_after": now - DAY, "created_before": now + DAY})
    assert record.id in [one.id for one in listed.auto_paging_iter()]


# The client's own


def test_a_client_does_not_retry_unless_told_to(emulator, build):
    """`StripeClient` gives up at the first 500; with `max_network_retries` it comes back with the same key."""
    fault = emulator.faults.status(500, "POST", "/v1/customers")
    with pytest.raises(stripe.APIError):
        build().v1.customers.create({})
    assert fault.hits == 1
    with pytest.raises(stripe.APIError):
        build(max_network_retries=RETRIED - 1).v1.customers.create({})
    assert fault.hits == 1 + RETRIED


@pytest.mark.parametrize(("headers", "hits"), [({"Retry-After": "0"}, 1), ({"Stripe-Should-Retry": "true"}, 2)])
def test_a_client_retries_a_429_only_when_told_to_by_its_own_header(emulator, build, headers, hits):
    """`Retry-After` is never read; `Stripe-Should-Retry` is; and the error's code is on its body alone."""
    fault = emulator.faults.status(429, "GET", "/v1/customers", headers=headers)
    with pytest.raises(stripe.RateLimitError) as refused:
        build(max_network_retries=1).v1.customers.list()
    assert fault.hits == hits
    assert (refused.value.code, refused.value.error.code) == (None, "rate_limit")


def test_an_empty_first_page_that_says_there_is_more_crashes_the_client(emulator, world):
    """With `has_more` and no data the client's paging raises IndexError: Stripe must never send it."""
    emulator.faults.empty_page("/v1/customers")
    with pytest.raises(IndexError):
        list(world.client.customers.list().auto_paging_iter())


def test_the_client_can_not_fetch_a_files_contents(target, build):
    """`raw_request` takes the CSV for JSON and fails; the contents are fetched without the client."""
    emulator = target.needs_the_emulator("schedules exist only in Stripe's Dashboard")
    emulator.scheduled_query_run(title="Plans", sql="select 1", csv="a,b\n1,2\n")
    client = build()
    url = client.v1.sigma.scheduled_query_runs.list().data[0].file.url
    with pytest.raises(stripe.APIError):
        client.raw_request("get", url.removeprefix(emulator.url), base="files")
    assert requests.get(url, auth=(target.key, ""), timeout=5).text == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", stripe.InvalidRequestError),
        (401, "invalid_request_error", stripe.AuthenticationError),
        (403, "invalid_request_error", stripe.PermissionError),
        (404, "invalid_request_error", stripe.InvalidRequestError),
        (429, "invalid_request_error", stripe.RateLimitError),
        (500, "api_error", stripe.APIError),
    ],
)
def test_the_status_and_not_the_type_tells_errors_apart(emulator, build, status, kind, error):
    """On the wire there are four types only: a rate limit or a bad key is an `invalid_request_error`."""
    emulator.faults.status(status, "GET", "/v1/customers", times=1)
    with pytest.raises(error) as refused:
        build().v1.customers.list()
    assert (type(refused.value), refused.value.http_status) == (error, status)
    assert refused.value.json_body["error"]["type"] == kind


# Points that only the emulator can be asked about


@pytest.fixture(name="shop")
def _shop():
    catalog = {"features": {"exports": "Exports"}, "products": {"pro": {"features": ["exports"], "price": 2900}}}
    with StripeEmulator(catalog=catalog, serve=False) as shop:
        yield shop


def test_a_metered_and_a_free_item_grant_like_any_other(shop):
    """What an item costs, and how that is counted, has nothing to do with what it entitles to."""
    for recurring, amount in (({"interval": "month", "usage_type": "metered"}, 5), ({"interval": "month"}, 0)):
        price = shop.request(
            "POST", "/v1/prices", product="prod_pro", currency="usd", unit_amount=amount, recurring=recurring
        )["id"]
        customer = shop.customer()
        shop.subscribe(customer, price)
        assert shop.entitlements(customer) == ("exports",)


def test_two_products_of_one_subscription_make_one_entitlement(shop):
    """Whichever of two items grants a feature, it is held once, under one id, until the last of them is gone."""
    other = shop.request("POST", "/v1/products", name="Add-on")["id"]
    shop.attach(other, "exports")
    price = shop.request(
        "POST", "/v1/prices", product=other, currency="usd", unit_amount=1, recurring={"interval": "month"}
    )["id"]
    customer = shop.customer()
    subscription = shop.subscribe(customer, "pro", price)
    listing = "/v1/entitlements/active_entitlements"
    (held,) = shop.request("GET", listing, customer=customer)["data"]
    items = shop.request("GET", f"/v1/subscriptions/{subscription}")["items"]["data"]
    path = f"/v1/subscriptions/{subscription}"
    shop.request("POST", path, items=[{"id": items[0]["id"], "deleted": True}])
    assert shop.request("GET", listing, customer=customer)["data"] == [held]


def test_a_subscription_never_paid_for_grants_nothing_and_ends(shop):
    """`incomplete` becomes `incomplete_expired`, and neither entitles."""
    customer = shop.customer()
    subscription = shop.subscribe(customer, "pro", payment_behavior="default_incomplete")
    assert shop.entitlements(customer) == ()
    shop.advance(days=1)
    assert shop.request("GET", f"/v1/subscriptions/{subscription}")["status"] == "incomplete_expired"
    assert shop.entitlements(customer) == ()


def test_a_pause_on_request_keeps_its_entitlements(shop):
    """The pause endpoint makes a subscription `paused`, which by default withholds nothing."""
    customer = shop.customer()
    subscription = shop.subscribe(customer, "pro")
    shop.request("POST", f"/v1/subscriptions/{subscription}/pause", type="subscription")
    assert shop.request("GET", f"/v1/subscriptions/{subscription}")["status"] == "paused"
    assert shop.entitlements(customer) == ("exports",)


def test_thin_events_are_no_types_for_an_endpoint_of_snapshots(shop):
    """The thin entitlement events carry no customer, and a webhook endpoint of this API can't subscribe to them."""
    for change in ("updated", "entitlement_added", "entitlement_removed"):
        with pytest.raises(ApiError) as refused:
            shop.webhook("http://localhost:1/", [f"v1.entitlements.active_entitlement_summary.{change}"])
        assert refused.value.status == 400


def test_an_empty_later_page_ends_the_client_s_iteration_quietly(target, world):
    """An empty page in the middle is a partial list to the official client, and no error."""
    emulator = target.needs_the_emulator("a fault is made on request")
    made = {world.feature().id for _ in range(3)}
    pages = world.client.entitlements.features.list({"limit": 1}).auto_paging_iter()
    seen = {next(pages).id}
    emulator.faults.empty_page("/v1/entitlements/features", times=1)
    try:
        seen |= {feature.id for feature in pages}
    finally:
        emulator.faults.clear()
    assert len(seen & made) < len(made)
