"""Customers, products and prices: what a subscription is made of."""

from __future__ import annotations

import pytest
import stripe

from entitlements.emulator import ApiError


def test_a_customer_is_created_changed_and_found(client):
    """A customer keeps what it was given, and an update touches what it names."""
    params = {"email": "a@example.com", "name": "Alice", "address": {"city": "Oslo"}, "metadata": {"a": "1"}}
    customer = client.customers.create(params)
    assert (customer.email, customer.name, customer.address.city, customer.address.line1) == (
        "a@example.com",
        "Alice",
        "Oslo",
        None,
    )
    changed = client.customers.update(customer.id, {"name": "", "metadata": {"b": "2"}})
    assert (changed.name, changed.metadata.to_dict()) == (None, {"a": "1", "b": "2"})
    assert client.customers.retrieve(customer.id) == changed
    client.customers.create()
    assert [one.id for one in client.customers.list({"email": "a@example.com"}).data] == [customer.id]
    event = client.events.list({"type": "customer.updated"}).data[0]
    assert event.data.previous_attributes.to_dict() == {"name": "Alice", "metadata": {"b": None}}


def test_a_product_lives_and_dies(client):
    """A product takes an id of one's choice, is edited, and is deleted only while no price refers to it."""
    product = client.products.create({"id": "prod_team", "name": "Team", "description": "For teams"})
    assert (product.id, product.active, product.type, product.default_price) == ("prod_team", True, "service", None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.products.create({"id": "prod_team", "name": "Again"})
    assert (refused.value.code, refused.value.param) == ("resource_already_exists", "id")
    assert client.products.update("prod_team", {"active": False}).active is False
    assert [one.id for one in client.products.list({"active": False}).data] == ["prod_team"]
    assert {one.id for one in client.products.list({"ids": ["prod_team", "prod_pro"]}).data} == {
        "prod_team",
        "prod_pro",
    }
    deleted = client.products.delete("prod_team")
    assert deleted.to_dict() == {"id": "prod_team", "object": "product", "deleted": True}
    with pytest.raises(stripe.InvalidRequestError, match="No such product: 'prod_team'") as refused:
        client.products.retrieve("prod_team")
    assert (refused.value.http_status, refused.value.param) == (404, "id")
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        client.products.delete("prod_pro")


def test_a_product_may_come_with_its_price(client):
    """`default_price_data` makes a price and points to it."""
    price = {"currency": "EUR", "unit_amount": 500, "recurring": {"interval": "year"}}
    product = client.products.create({"name": "Team", "default_price_data": price, "expand": ["default_price"]})
    made = product.default_price
    assert (made.product, made.currency, made.unit_amount, made.recurring.interval) == (product.id, "eur", 500, "year")


def test_prices_are_created_listed_and_archived(client):
    """A price has its amount both ways, and lists narrow by product, type and lookup key."""
    params = {"product": "prod_pro", "currency": "usd", "unit_amount": 29000, "lookup_key": "pro_yearly"}
    yearly = client.prices.create({**params, "recurring": {"interval": "year"}})
    assert (str(yearly.unit_amount_decimal), yearly.type) == ("29000", "recurring")
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        client.prices.create(params)
    taken = client.prices.create({**params, "transfer_lookup_key": True})
    assert client.prices.retrieve(yearly.id).lookup_key is None
    assert [one.id for one in client.prices.list({"lookup_keys": ["pro_yearly"]}).data] == [taken.id]
    assert [one.id for one in client.prices.list({"product": "prod_pro", "type": "recurring"}).data] == [
        yearly.id,
        "price_pro",
    ]
    assert client.prices.update(yearly.id, {"active": False, "nickname": "old"}).nickname == "old"
    customer = client.customers.create().id
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        client.subscriptions.create({"customer": customer, "items": [{"price": yearly.id}]})


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"currency": "usd", "unit_amount": 1}, "product"),
        ({"product": "prod_pro", "unit_amount": 1}, "currency"),
        ({"product": "prod_pro", "currency": "usd"}, "unit_amount"),
        ({"product": "prod_x", "currency": "usd", "unit_amount": 1}, "product"),
        ({"product": "prod_pro", "currency": "usd", "unit_amount": "1.5"}, "unit_amount"),
        ({"product": "prod_pro", "currency": "usd", "unit_amount": -1}, "unit_amount"),
        ({"product": "prod_pro", "currency": "usd", "unit_amount": 1, "recurring": {}}, "recurring[interval]"),
    ],
)
def test_a_bad_price_is_refused(client, params, param):
    """What is missing or wrong is named."""
    if params.get("recurring") == {}:
        params = {**params, "recurring": {"interval_count": 1}}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.prices.create(params)
    assert (refused.value.http_status, refused.value.param) == (400, param)


# --- what Stripe refuses, and so do we -------------------------------------------------------------------------------


@pytest.mark.parametrize("decimal", ["²", "٣", "9" * 4_500, ".5", "1.", "1e3", "-1"])
def test_a_decimal_amount_is_digits_and_not_many(emulator, decimal):
    """What merely looks like a number to some is refused, and never a failure of the server."""
    product = emulator.request("POST", "/v1/products", name="Pro")["id"]
    with pytest.raises(ApiError) as refused:
        emulator.request("POST", "/v1/prices", product=product, currency="usd", unit_amount_decimal=decimal)
    assert (refused.value.status, refused.value.body["error"]["param"]) == (400, "unit_amount_decimal")


@pytest.mark.parametrize("url", ["http://localhost:1/é", "https://a..b/x", "http://localhost:1/a b", "https://", "x"])
def test_an_address_that_nothing_can_be_sent_to_is_refused(emulator, url):
    """An endpoint is checked when it is made, not when its first event is due."""
    with pytest.raises(ApiError, match="Invalid URL"):
        emulator.webhook(url)


@pytest.mark.parametrize("version", ["nonsense", "2026", "2026-99-99x"])
def test_an_endpoint_s_version_must_be_one(emulator, version):
    """`api_version` is a closed list of dated versions."""
    with pytest.raises(ApiError, match="API version"):
        emulator.request(
            "POST", "/v1/webhook_endpoints", url="http://localhost:1/", enabled_events=["*"], api_version=version
        )


def test_a_subscription_has_one_currency(emulator):
    """Items in two currencies are refused, at the start and later."""
    product = emulator.request("POST", "/v1/products", name="Pro")["id"]
    usd, eur = (
        emulator.request(
            "POST", "/v1/prices", product=product, currency=currency, unit_amount=1, recurring={"interval": "month"}
        )["id"]
        for currency in ("usd", "eur")
    )
    customer = emulator.customer()
    with pytest.raises(ApiError, match="billed in usd"):
        emulator.subscribe(customer, usd, eur)
    subscription = emulator.subscribe(customer, usd)
    item = emulator.request("GET", f"/v1/subscriptions/{subscription}")["items"]["data"][0]["id"]
    with pytest.raises(ApiError, match="billed in usd"):
        emulator.request("POST", f"/v1/subscriptions/{subscription}", items=[{"id": item, "price": eur}])


def test_a_cursor_of_another_s_list_is_none_of_this_one(emulator):
    """An entitlement of one customer is no place in another customer's list."""
    emulator.feature("reports")
    product = emulator.request("POST", "/v1/products", name="Pro")["id"]
    emulator.attach(product, "reports")
    price = emulator.request(
        "POST", "/v1/prices", product=product, currency="usd", unit_amount=1, recurring={"interval": "month"}
    )["id"]
    one, other = emulator.customer(), emulator.customer()
    emulator.subscribe(one, price)
    path = "/v1/entitlements/active_entitlements"
    (held,) = emulator.request("GET", path, customer=one)["data"]
    with pytest.raises(ApiError, match="No such"):
        emulator.request("GET", path, customer=other, starting_after=held["id"])


@pytest.mark.parametrize("field", ["metadata", "invoice_settings", "nonsense"])
def test_what_is_no_reference_can_t_be_expanded(emulator, field):
    """Only a field that names another object is expandable."""
    customer = emulator.customer()
    with pytest.raises(ApiError, match=r"This property cannot be expanded \("):
        emulator.request("GET", f"/v1/customers/{customer}", expand=[field])
