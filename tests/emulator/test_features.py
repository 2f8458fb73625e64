"""Features, and products that bring them."""

from __future__ import annotations

import pytest
import stripe


def test_a_feature_is_created_read_and_listed(client):
    """A feature has Stripe's fields, all of them and no more."""
    feature = client.entitlements.features.create({"lookup_key": "api", "name": "API", "metadata": {"tier": "2"}})
    assert feature.to_dict() == {
        "id": feature.id,
        "object": "entitlements.feature",
        "active": True,
        "livemode": False,
        "lookup_key": "api",
        "metadata": {"tier": "2"},
        "name": "API",
    }
    assert feature.id.startswith("feat_test_61")
    assert client.entitlements.features.retrieve(feature.id) == feature
    assert client.entitlements.features.list({"lookup_key": "api"}).data == [feature]
    assert client.entitlements.features.list({"lookup_key": "ap"}).data == []


def test_features_are_listed_newest_first(client):
    """A list begins with what was made last."""
    assert [feature.lookup_key for feature in client.entitlements.features.list().data] == ["audit", "sso", "exports"]


def test_a_feature_is_renamed_and_its_metadata_merged(client):
    """An update touches what it names; an empty value removes a metadata key, an empty metadata all of them."""
    feature = client.entitlements.features.create(
        {"lookup_key": "api", "name": "API", "metadata": {"a": "1", "b": "2"}}
    )
    update = client.entitlements.features.update
    changed = update(feature.id, {"name": "The API", "metadata": {"a": "", "c": "3"}})
    assert (changed.name, changed.metadata.to_dict()) == ("The API", {"b": "2", "c": "3"})
    assert update(feature.id, {"metadata": ""}).metadata.to_dict() == {}


def test_archiving_is_final_and_frees_the_lookup_key(client):
    """An archived feature can't be edited, restored or attached, is listed only as archived, and its key is free."""
    features = client.entitlements.features
    old = features.create({"lookup_key": "api", "name": "API"})
    assert features.update(old.id, {"active": False}).active is False
    for params, param in (
        ({"active": True}, "active"),
        ({"name": "x"}, "name"),
        ({"metadata": {"a": "b"}}, "metadata"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            features.update(old.id, params)
        assert (refused.value.http_status, refused.value.param) == (400, param)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.products.features.create("prod_pro", {"entitlement_feature": old.id})
    assert refused.value.param == "entitlement_feature"
    new = features.create({"lookup_key": "api", "name": "API 2"})
    assert [feature.id for feature in features.list({"lookup_key": "api"}).data] == [new.id]
    assert [feature.id for feature in features.list({"lookup_key": "api", "archived": True}).data] == [old.id]


def test_a_lookup_key_belongs_to_one_active_feature(client):
    """A second active feature with the same key is refused."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.entitlements.features.create({"lookup_key": "sso", "name": "Another"})
    error = refused.value
    assert (error.http_status, error.code, error.param) == (400, "resource_already_exists", "lookup_key")


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"name": "API"}, "parameter_missing", "lookup_key"),
        ({"lookup_key": "api"}, "parameter_missing", "name"),
        ({"lookup_key": "", "name": "API"}, "parameter_invalid_empty", "lookup_key"),
        ({"lookup_key": "a" * 81, "name": "API"}, None, "lookup_key"),
        ({"lookup_key": "api", "name": "a" * 81}, None, "name"),
        ({"lookup_key": "api", "name": "API", "active": True}, "parameter_unknown", "active"),
        ({"lookup_key": "api", "name": "API", "metadata": {"a" * 41: "b"}}, None, "metadata"),
        ({"lookup_key": "api", "name": "API", "metadata": {"a": "b" * 501}}, None, "metadata"),
        ({"lookup_key": "api", "name": "API", "metadata": {str(n): "b" for n in range(51)}}, None, "metadata"),
    ],
)
def test_a_bad_feature_is_refused(client, params, code, param):
    """Each rule of a feature's parameters is kept, and the parameter that broke it is named."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.entitlements.features.create(params)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert len(client.entitlements.features.list().data) == 3


def test_a_lookup_key_can_not_be_changed(client):
    """An update doesn't know the parameter."""
    feature = client.entitlements.features.list().data[0]
    with pytest.raises(stripe.InvalidRequestError, match="Received unknown parameter: lookup_key"):
        client.entitlements.features.update(feature.id, {"lookup_key": "other"})


def test_a_feature_is_attached_listed_and_detached(client):
    """A product feature holds the whole feature; detaching answers with the deleted form."""
    audit = client.entitlements.features.list({"lookup_key": "audit"}).data[0]
    attached = client.products.features.create("prod_pro", {"entitlement_feature": audit.id})
    assert attached.to_dict() == {
        "id": attached.id,
        "object": "product_feature",
        "entitlement_feature": audit.to_dict(),
        "livemode": False,
    }
    listed = client.products.features.list("prod_pro")
    assert listed.url == "/v1/products/prod_pro/features"
    assert [one.entitlement_feature.lookup_key for one in listed.data] == ["audit", "sso", "exports"]
    assert client.products.features.retrieve("prod_pro", attached.id) == attached
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.products.features.create("prod_pro", {"entitlement_feature": audit.id})
    assert (refused.value.http_status, refused.value.param) == (400, "entitlement_feature")
    deleted = client.products.features.delete("prod_pro", attached.id)
    assert deleted.to_dict() == {"id": attached.id, "object": "product_feature", "deleted": True}
    assert len(client.products.features.list("prod_pro").data) == 2
    with pytest.raises(stripe.InvalidRequestError, match=f"No such product feature: '{attached.id}'"):
        client.products.features.retrieve("prod_pro", attached.id)
    with pytest.raises(stripe.InvalidRequestError, match="No such product feature"):
        client.products.features.delete("prod_starter", client.products.features.list("prod_pro").data[0].id)


def test_the_class_style_of_the_client_works_too(emulator, monkeypatch):
    """`stripe.entitlements.Feature` and `stripe.Product.create_feature` reach the same house."""
    options = {"api_key": emulator.api_key, "stripe_version": "2026-10-28.endive"}
    monkeypatch.setattr(stripe, "api_base", emulator.url)
    feature = stripe.entitlements.Feature.create(lookup_key="api", name="API", **options)
    stripe.Product.create_feature("prod_pro", entitlement_feature=feature.id, **options)
    customer = stripe.Customer.create(**options)
    stripe.Subscription.create(customer=customer.id, items=[{"price": "price_pro"}], **options)
    held = stripe.entitlements.ActiveEntitlement.list(customer=customer.id, **options)
    assert {one.lookup_key for one in held.auto_paging_iter()} == {"api", "exports", "sso"}
    stripe.default_http_client.close()
    monkeypatch.setattr(stripe, "default_http_client", None)
