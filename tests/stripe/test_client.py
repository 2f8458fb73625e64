from __future__ import annotations

import pickle

import pytest
from wire_server import Answer, page
from wire_stripe import feature, missing

from entitlements.clocks import Deadline
from entitlements.errors import InvalidInput
from entitlements.stripe import (
    Feature,
    Listing,
    MalformedReply,
    ResourceMissing,
    Stripe,
    StripeError,
    SubscriptionStatus,
)

FEATURES = "/v1/entitlements/features"


def product(number=1, **changes):
    return {
        "id": f"prod_{number}",
        "object": "product",
        "active": True,
        "livemode": False,
        "metadata": {"tier": "gold"},
        "name": f"Product {number}",
        "marketing_features": [],
        **changes,
    }


def link(number=1):
    return {
        "id": f"prodft_{number}",
        "object": "product_feature",
        "entitlement_feature": feature(number),
        "livemode": False,
    }


def item(number=1, **changes):
    price = {"id": f"price_{number}", "object": "price", "active": True, "livemode": False, "product": f"prod_{number}"}
    return {"id": f"si_{number}", "object": "subscription_item", "price": {**price, **changes}, "quantity": 1}


def subscription(number=1, *, items=(), has_more=False, **changes):
    return {
        "id": f"sub_{number}",
        "object": "subscription",
        "cancel_at_period_end": False,
        "created": 1_700_000_000,
        "customer": "cus_1",
        "items": page(*items, has_more=has_more),
        "livemode": False,
        "metadata": {},
        "status": "active",
        **changes,
    }


def sent(server):
    return [(seen.method, seen.path, dict(seen.query), seen.form) for seen in server.requests]


def test_features_are_read_and_changed(server, stripe):
    """Each call on a feature is the request Stripe documents, and gives the feature."""
    server.always(Answer(feature(1, metadata={"a": "b"})))
    calls = [
        stripe.features.retrieve("feat_1"),
        stripe.features.create("key-1", "Feature 1"),
        stripe.features.create("key-1", "Feature 1", {"a": "b"}, idempotency_key="once"),
        stripe.features.update("feat_1", name="Other", metadata={"a": ""}),
        stripe.features.update("feat_1", metadata=""),
        stripe.features.archive("feat_1"),
    ]
    assert calls == [Feature.model_validate(feature(1, metadata={"a": "b"}))] * 6
    assert sent(server) == [
        ("GET", f"{FEATURES}/feat_1", {}, {}),
        ("POST", FEATURES, {}, {"lookup_key": "key-1", "name": "Feature 1"}),
        ("POST", FEATURES, {}, {"lookup_key": "key-1", "name": "Feature 1", "metadata[a]": "b"}),
        ("POST", f"{FEATURES}/feat_1", {}, {"name": "Other", "metadata[a]": ""}),
        ("POST", f"{FEATURES}/feat_1", {}, {"metadata": ""}),
        ("POST", f"{FEATURES}/feat_1", {}, {"active": "false"}),
    ]
    assert server.requests[2].headers["idempotency-key"] == "once"
    assert server.requests[2].headers["content-type"] == "application/x-www-form-urlencoded"


def test_features_are_listed(server, stripe):
    """A filter given is sent, one not given isn't; the list is a tuple that knows its request."""
    server.always(Answer(page(feature(2), feature(1)), headers={"Request-Id": "req_1"}))
    listing = stripe.features.list()
    stripe.features.list(lookup_key="key-1", archived=True)
    stripe.features.list(archived=False)
    assert isinstance(listing, tuple)
    assert (listing, listing.request_id) == (
        (Feature.model_validate(feature(2)), Feature.model_validate(feature(1))),
        "req_1",
    )
    assert [query for _, _, query, _ in sent(server)] == [
        {"limit": "100"},
        {"lookup_key": "key-1", "archived": "true", "limit": "100"},
        {"archived": "false", "limit": "100"},
    ]


def test_products_are_listed_and_read(server, stripe):
    """Products come with what it takes to name them to a buyer."""
    server.then(Answer(page(product())), Answer(product(default_price={"id": "price_1", "object": "price"})))
    (listed,) = stripe.products.list(active=True)
    read = stripe.products.retrieve("prod_1")
    assert (listed.name, listed.metadata, listed.default_price) == ("Product 1", {"tier": "gold"}, None)
    assert (read.id, read.default_price) == ("prod_1", "price_1")
    assert sent(server) == [
        ("GET", "/v1/products", {"active": "true", "limit": "100"}, {}),
        ("GET", "/v1/products/prod_1", {}, {}),
    ]


def test_features_are_attached_to_products_and_detached(server, stripe):
    """A product's features are listed with the features in them; a link is made by feature, undone by its own id."""
    gone = {"id": "prodft_1", "object": "product_feature", "deleted": True}
    server.then(Answer(page(link(1), link(2))), Answer(link(1)), Answer(gone))
    listed = stripe.product_features.list("prod_1")
    attached = stripe.product_features.attach("prod_1", "feat_1")
    assert stripe.product_features.detach("prod_1", "prodft_1") is None
    assert [each.entitlement_feature.lookup_key for each in listed] == ["key-1", "key-2"]
    assert attached == listed[0]
    path = "/v1/products/prod_1/features"
    assert sent(server) == [
        ("GET", path, {"limit": "100"}, {}),
        ("POST", path, {}, {"entitlement_feature": "feat_1"}),
        ("DELETE", f"{path}/prodft_1", {}, {}),
    ]


def test_a_detachment_that_did_not_happen_is_an_error(server, stripe):
    """R95: only Stripe's own word for it counts as detached."""
    server.always(Answer(link(1)))
    with pytest.raises(MalformedReply, match="deleted"):
        stripe.product_features.detach("prod_1", "prodft_1")


def test_subscriptions_are_listed(server, stripe):
    """A status nobody has heard of is kept as it is, and products are named by id, expanded or not."""
    items = [item(1), item(2, product={"id": "prod_2", "object": "product", "deleted": True})]
    server.always(
        Answer(
            page(
                subscription(1, items=items, pause_collection={"behavior": "void", "resumes_at": None}),
                subscription(2, status="hibernating", customer={"id": "cus_2", "object": "customer"}),
            )
        )
    )
    first, second = stripe.subscriptions.list(customer="cus_1", status="all")
    assert (first.status, first.status == SubscriptionStatus.ACTIVE, first.customer) == ("active", True, "cus_1")
    assert [(each.price.id, each.price.product) for each in first.items.data] == [
        ("price_1", "prod_1"),
        ("price_2", "prod_2"),
    ]
    assert first.pause_collection is not None
    assert first.pause_collection.behavior == "void"
    assert (second.status, second.customer, second.items.data) == ("hibernating", "cus_2", ())
    stripe.subscriptions.list()
    assert [query for _, _, query, _ in sent(server)] == [
        {"customer": "cus_1", "status": "all", "limit": "100"},
        {"limit": "100"},
    ]


def test_a_subscription_with_many_items_has_all_of_them(server, stripe):
    """I4: the list inside a subscription holds its first items only; the others are fetched."""
    whole = [item(number) for number in range(25)]
    server.then(
        Answer(page(subscription(1, items=whole[:10], has_more=True)), headers={"Request-Id": "req_1"}),
        Answer(page(*whole)),
    )
    listing = stripe.subscriptions.list(customer="cus_1")
    assert ([each.id for each in listing[0].items.data], listing[0].items.has_more) == (
        [f"si_{n}" for n in range(25)],
        False,
    )
    assert listing.request_id == "req_1"
    assert sent(server)[1] == ("GET", "/v1/subscription_items", {"subscription": "sub_1", "limit": "100"}, {})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "feat_1"},
        feature(object="product"),
        feature(livemode=True),
        feature(active="yes"),
        feature(lookup_key=None),
        feature(id=""),
        feature(metadata={"a": 1}),
        feature(metadata={"sk_test_1": 1}),
        page(feature()),
    ],
)
def test_an_object_that_is_not_the_one_documented_is_an_error(server, stripe, body):
    """R95: an object of another kind or mode, or without what is needed, is no answer."""
    server.always(Answer(body, headers={"Request-Id": "req_1"}))
    with pytest.raises(MalformedReply) as raised:
        stripe.features.retrieve("feat_1")
    assert raised.value.request_id == "req_1"


def test_what_stripe_adds_later_is_let_go(server, stripe):
    """R84: fields not known here neither break an answer nor show up in it."""
    server.always(Answer(feature(brand_new={"a": [1]}, metadata=None)))
    assert stripe.features.retrieve("feat_1") == Feature.model_validate(feature())


@pytest.mark.parametrize(
    "call",
    [
        lambda features: features.list(lookup_key=5),
        lambda features: features.list(lookup_key=""),
        lambda features: features.list(archived="yes"),
        lambda features: features.list(archived=1),
        lambda features: features.create("", "Name"),
        lambda features: features.create("k" * 81, "Name"),
        lambda features: features.create("key", ""),
        lambda features: features.create("key", "n" * 81),
        lambda features: features.create("key", None),
        lambda features: features.create("key", "Name", "text"),
        lambda features: features.create("key", "Name", {"a": 1}),
        lambda features: features.create("key", "Name", {1: "a"}),
        lambda features: features.create("key", "Name", {"": "a"}),
        lambda features: features.create("key", "Name", {"k" * 41: "a"}),
        lambda features: features.create("key", "Name", {"a": "v" * 501}),
        lambda features: features.create("key", "Name", {str(number): "" for number in range(51)}),
        lambda features: features.create("key", "Name", idempotency_key="a\r\nX: y"),
        lambda features: features.create("key", "Name", idempotency_key="k" * 256),
        lambda features: features.create("key", "Name", idempotency_key=""),
        lambda features: features.create("key", "Name", idempotency_key="größe"),
        lambda features: features.create("key", "Name", idempotency_key="日本"),
    ],
)
def test_arguments_that_can_not_be_right_are_refused_before_any_request(server, stripe, call):
    """R11: limits Stripe documents are checked here, before any I/O, by one kind of error."""
    with pytest.raises(InvalidInput):
        call(stripe.features)
    assert server.requests == []


@pytest.mark.parametrize("name", ["stripe_account", "stripe_version"])
@pytest.mark.parametrize("value", ["größe", "日本", "a b", "a\r\nX: y", "", 5])
def test_what_no_header_can_carry_is_refused_when_the_client_is_made(name, value):
    """R12: no request fails over its own headers."""
    with pytest.raises(InvalidInput, match=name):
        Stripe("sk_test_1", **{name: value})


def test_a_customer_that_is_none_never_means_everybody(server, stripe):
    """R11, M14: leaving the filter out is one thing, passing a customer that isn't known another."""
    with pytest.raises(InvalidInput):
        stripe.subscriptions.list(customer=None)
    assert server.requests == []


def test_a_missing_object_is_told_from_a_missing_filter(server, stripe):
    """The error says which id it is that Stripe doesn't know."""
    server.then(missing("product", "id", status=404), missing("customer", "customer"))
    said = []
    for call in (lambda: stripe.products.retrieve("prod_1"), lambda: stripe.active_entitlements.list("cus_1")):
        with pytest.raises(ResourceMissing) as raised:
            call()
        said.append((raised.value.status, raised.value.param))
    assert said == [(404, "id"), (400, "customer")]


def test_a_deadline_of_ones_own_replaces_the_timeout(server, stripe):
    """Every method takes the moment by which all of it has to be done."""
    server.always(Answer(page()))
    past = Deadline.after(-1)
    for call in (
        lambda: stripe.features.list(deadline=past),
        lambda: stripe.features.retrieve("feat_1", deadline=past),
        lambda: stripe.features.create("key", "Name", deadline=past),
        lambda: stripe.features.update("feat_1", name="Name", deadline=past),
        lambda: stripe.features.archive("feat_1", deadline=past),
        lambda: stripe.products.list(deadline=past),
        lambda: stripe.products.retrieve("prod_1", deadline=past),
        lambda: stripe.product_features.list("prod_1", deadline=past),
        lambda: stripe.product_features.attach("prod_1", "feat_1", deadline=past),
        lambda: stripe.product_features.detach("prod_1", "prodft_1", deadline=past),
        lambda: stripe.active_entitlements.list("cus_1", deadline=past),
        lambda: stripe.subscriptions.list(customer="cus_1", deadline=past),
    ):
        with pytest.raises(StripeError, match="deadline"):
            call()
    assert server.requests == []


def test_objects_and_lists_are_values():
    """What comes from Stripe can't be changed, compares by what it says, hashes, and pickles."""
    value = Feature.model_validate(feature(metadata={"a": "b"}))
    again = pickle.loads(pickle.dumps(value))
    assert (again, hash(again), repr(again.metadata)) == (value, hash(value), "Metadata({'a': 'b'})")
    with pytest.raises(ValueError, match="frozen"):
        value.name = "Other"
    with pytest.raises(TypeError):
        value.metadata["a"] = "c"
    assert value.model_dump()["metadata"] == {"a": "b"}
    listing = pickle.loads(pickle.dumps(Listing([value], "req_1")))
    assert (listing, listing.request_id, Listing().request_id) == ((value,), "req_1", None)


def test_a_client_is_a_context(server):
    """Leaving the block closes the connections."""
    server.always(Answer(page()))
    with Stripe("sk_test_1", api_base=server.url) as stripe:
        stripe.products.list()
    with pytest.raises(StripeError, match="closed"):
        stripe.products.list()
