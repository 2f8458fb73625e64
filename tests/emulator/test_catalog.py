"""The catalogue an emulator starts from."""

from __future__ import annotations

import pytest

from entitlements.emulator import CatalogError, StripeEmulator

TOML = """
[features]
exports = "Data exports"
sso = "Single sign-on"

[products.pro]
name = "Pro"
features = ["exports", "sso"]
price = 2900
currency = "eur"
interval = "year"

[products.team_plus]
description = "For teams"
metadata = { tier = "2" }
prices = { monthly = 900, yearly = { price = 9000, interval = "year" } }

[products.book]
price = 1500
interval = "once"
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "shop.toml"
    path.write_text(TOML, "utf-8")
    return path


def contents(client):
    features = {one.lookup_key: one.name for one in client.entitlements.features.list({"limit": 100}).data}
    products = {one.id: one.name for one in client.products.list({"limit": 100}).data}
    prices = {
        one.id: (one.product, one.unit_amount, one.currency, one.recurring and one.recurring.interval)
        for one in client.prices.list({"limit": 100}).data
    }
    return features, products, prices


SHOP = (
    {"exports": "Data exports", "sso": "Single sign-on"},
    {"prod_pro": "Pro", "prod_team_plus": "Team plus", "prod_book": "Book"},
    {
        "price_pro": ("prod_pro", 2900, "eur", "year"),
        "price_team_plus_monthly": ("prod_team_plus", 900, "usd", "month"),
        "price_team_plus_yearly": ("prod_team_plus", 9000, "usd", "year"),
        "price_book": ("prod_book", 1500, "usd", None),
    },
)


def test_a_catalogue_is_made_with_ids_one_can_guess(connect, path):
    """Features, products and prices are there when the emulator starts."""
    with StripeEmulator(catalog=path) as emulator:
        client = connect(emulator)
        assert contents(client) == SHOP
        attached = client.products.features.list("prod_pro").data
        assert {one.entitlement_feature.lookup_key for one in attached} == {"exports", "sso"}


def test_a_catalogue_may_come_again_over_a_db_that_has_it(connect, path, tmp_path):
    """A second start over the same file makes nothing twice and keeps what was changed."""
    for _ in range(2):
        with StripeEmulator(db=tmp_path / "stripe.db", catalog=path) as emulator:
            client = connect(emulator)
            assert contents(client) == SHOP
            assert len(client.products.features.list("prod_pro").data) == 2
            assert len(client.events.list({"type": "product.created"}).data) == 3


def test_a_catalogue_may_grow(connect, tmp_path):
    """What is new in a later catalogue is added, an attached feature too."""
    db = tmp_path / "stripe.db"
    first = {"features": {"a": "A"}, "products": {"pro": {"features": ["a"], "price": 1}}}
    later = {"features": {"a": "A", "b": "B"}, "products": {"pro": {"features": ["a", "b"], "price": 1}}}
    for catalog in (first, later):
        with StripeEmulator(db=db, catalog=catalog) as emulator:
            attached = connect(emulator).products.features.list("prod_pro").data
            keys = [one.entitlement_feature.lookup_key for one in attached]
    assert keys == ["b", "a"]


def test_reset_leaves_the_catalogue_alone(emulator, client, receiver):
    """After a reset the shop is as new, and nothing else is there."""
    before = contents(client)
    emulator.webhook(receiver.url)
    customer = emulator.customer()
    emulator.subscribe(customer, "pro")
    emulator.faults.hang()
    emulator.reset()
    assert contents(client) == before
    assert client.customers.list().data == []
    assert client.webhook_endpoints.list().data == []
    assert emulator.deliveries() == ()
    emulator.webhook(receiver.url)
    emulator.customer()
    assert emulator.delivered()


@pytest.mark.parametrize(
    ("catalog", "message"),
    [
        ({"plans": {}}, "the catalogue: 'plans' is not known here; the entries are features, products"),
        ({"features": ["a"]}, "features = ['a']: must be a table"),
        ({"features": {"a": 1}}, "features.a = 1: must be a text that isn't empty"),
        ({"products": {"pro": {"cost": 1}}}, "products.pro: 'cost' is not known here"),
        ({"products": {"pro": {"features": "a"}}}, "products.pro.features = 'a': must be a list of lookup keys"),
        ({"products": {"pro": {"features": ["a"]}}}, "products.pro.features: 'a' is not among [features]"),
        ({"features": {"a": "A"}, "products": {"pro": {"features": ["a", "a"]}}}, "a feature is named twice"),
        ({"products": {"pro": {"price": "29"}}}, "products.pro.price = '29': must be a whole number"),
        ({"products": {"pro": {"price": -1}}}, "products.pro.price = -1: must be a whole number"),
        ({"products": {"pro": {"price": 1, "interval": "decade"}}}, "products.pro.interval = 'decade': must be one of"),
        ({"products": {"pro": {"price": 1, "currency": "euro"}}}, "products.pro.currency = 'euro': must be"),
        ({"products": {"pro": {"prices": {"m": {"price": True}}}}}, "products.pro.prices.m.price = True: must be"),
        ({"features": {"a" * 81: "A"}}, "the catalogue was refused"),
    ],
)
def test_a_bad_catalogue_names_the_entry_and_the_rule(catalog, message):
    """Nothing starts on a catalogue with a mistake in it."""
    with pytest.raises(CatalogError) as refused, StripeEmulator(catalog=catalog):
        pass
    assert message in str(refused.value)


def test_a_file_that_is_no_catalogue_is_named(tmp_path):
    """A missing file and one that isn't TOML are both told apart from a good one."""
    with pytest.raises(CatalogError, match=r"can't read the catalogue .*nowhere"):
        StripeEmulator(catalog=tmp_path / "nowhere.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("features = ", "utf-8")
    with pytest.raises(CatalogError, match="is not TOML"):
        StripeEmulator(catalog=broken)
