"""Product features: which product brings which feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.ids import new_id
from entitlements.emulator.resources import features, subscriptions
from entitlements.emulator.store import Filter
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, page
from entitlements.emulator.wire.params import Text
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json

__all__ = ["ROUTES"]

_KIND = "product_feature"
_WHAT = "product feature"


def attach(call: Call) -> Json:
    product = _product(call)
    feature = features.load(call.tx, call.params["entitlement_feature"], "entitlement_feature")
    if not feature["active"]:
        raise invalid("An archived feature cannot be attached to a product.", "entitlement_feature")
    if feature["id"] in (body["feature"] for body in call.tx.all(_KIND, parent=product)):
        message = f"The feature '{feature['id']}' is already attached to the product '{product}'."
        raise invalid(message, "entitlement_feature", "resource_already_exists")
    attached = call.tx.add(_KIND, {"id": new_id("prodft_"), "feature": feature["id"]}, parent=product)
    subscriptions.catalog_changed(call, product)
    return _rendered(call, attached)


def _rendered(call: Call, body: Json) -> Json:
    return {
        "id": body["id"],
        "object": "product_feature",
        "entitlement_feature": features.load(call.tx, body["feature"]),
        "livemode": False,
    }


def _product(call: Call) -> str:
    product = call.ids["product"]
    if call.tx.get("product", product) is None:
        raise no_such("product", product)
    return product


def _load(call: Call) -> Json:
    product = _product(call)
    for body in call.tx.all(_KIND, parent=product):
        if body["id"] == call.ids["id"]:
            return body
    raise no_such(_WHAT, call.ids["id"])


def retrieve(call: Call) -> Json:
    return _rendered(call, _load(call))


def list_attached(call: Call) -> Json:
    of_product = Filter("parent = ?", (_product(call),))
    return page(call, _KIND, _WHAT, lambda body: _rendered(call, body), [of_product])


def detach(call: Call) -> Json:
    call.tx.drop(_KIND, _load(call)["id"])
    subscriptions.catalog_changed(call, call.ids["product"])
    return {"id": call.ids["id"], "object": "product_feature", "deleted": True}


ROUTES = (
    Route("GET", "/v1/products/{product}/features", list_attached, PAGE),
    Route("POST", "/v1/products/{product}/features", attach, {"entitlement_feature": Text(required=True)}),
    Route("GET", "/v1/products/{product}/features/{id}", retrieve),
    Route("DELETE", "/v1/products/{product}/features/{id}", detach, expands=False),
)
