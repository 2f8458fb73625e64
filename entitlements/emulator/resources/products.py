"""Products: what is sold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import events
from entitlements.emulator.ids import new_id
from entitlements.emulator.resources import prices
from entitlements.emulator.store import Filter
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, bounds, page
from entitlements.emulator.wire.params import Choice, Fields, Flag, Items, Metadata, Range, Text, given, merged
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES", "blank", "load"]

_KIND = "product"
_PLAIN: Spec = {
    "active": Flag(),
    "default_price": Text(),
    "description": Text(40_000, unsets=True),
    "images": Items(Text(), most=8),
    "marketing_features": Items(Fields({"name": Text(80, required=True)}), most=15),
    "name": Text(250),
    "shippable": Flag(),
    "statement_descriptor": Text(22, unsets=True),
    "tax_code": Text(unsets=True),
    "unit_label": Text(12, unsets=True),
    "url": Text(2_048, unsets=True),
}
_WRITE: Spec = {**_PLAIN, "metadata": Metadata()}
_CREATE: Spec = {
    **{name: kind for name, kind in _WRITE.items() if name != "default_price"},
    "default_price_data": Fields(prices.OF_PRODUCT),
    "id": Text(255),
    "name": Text(250, required=True),
    "type": Choice(("good", "service")),
}


def create(call: Call) -> Json:
    product_id = call.params.get("id") or new_id("prod_")
    if call.tx.get(_KIND, product_id) is not None:
        raise invalid("Product already exists.", "id", "resource_already_exists")
    product = {**blank(call, product_id), **given(call.params, ("type",)), **_written(call)}
    product["metadata"] = merged({}, call.params.get("metadata"))
    call.tx.add(_KIND, product)
    if "default_price_data" in call.params:
        price = prices.add(call, {**call.params["default_price_data"], "product": product_id})
        product["default_price"] = price["id"]
        call.tx.put(_KIND, product)
    events.emit(call, "product.created", product)
    return product


def blank(call: Call, product_id: str) -> Json:
    """Make a product of which nothing is known."""
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": call.now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": product_id,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "tax_details": None,
        "type": "service",
        "unit_label": None,
        "updated": call.now,
        "url": None,
    }


def _written(call: Call) -> Json:
    return given(call.params, _PLAIN)


def load(tx: Transaction, product_id: str) -> Json:
    """Fetch a product."""
    product = tx.get(_KIND, product_id)
    if product is None:
        raise no_such("product", product_id)
    return product


def retrieve(call: Call) -> Json:
    return load(call.tx, call.ids["id"])


def update(call: Call) -> Json:
    before = load(call.tx, call.ids["id"])
    after = {**before, **_written(call)}
    if "metadata" in call.params:
        after["metadata"] = merged(before["metadata"], call.params["metadata"])
    _check_default_price(call, after)
    if after != before:
        after["updated"] = call.now
    events.emit_update(call, "product.updated", before, after)
    return call.tx.put(_KIND, after)


def _check_default_price(call: Call, product: Json) -> None:
    if "default_price" not in call.params:
        return
    price = prices.load(call.tx, product["default_price"], "default_price")
    if price["product"] != product["id"]:
        raise invalid(f"The price '{price['id']}' belongs to another product.", "default_price")


def list_products(call: Call) -> Json:
    filters = bounds("created", call.params.get("created"))
    if "active" in call.params:
        filters.append(Filter.field("active", call.params["active"]))
    if "ids" in call.params:
        ids = call.params["ids"]
        filters.append(Filter(f"id IN ({', '.join('?' * len(ids))})", tuple(ids)))
    return page(call, _KIND, "product", dict, filters)


def delete(call: Call) -> Json:
    product = load(call.tx, call.ids["id"])
    if call.tx.all("price", parent=product["id"]):
        message = "This product cannot be deleted because it has one or more user-created prices."
        raise invalid(message)
    for attached in call.tx.all("product_feature", parent=product["id"]):
        call.tx.drop("product_feature", attached["id"])
    call.tx.drop(_KIND, product["id"])
    events.emit(call, "product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


ROUTES = (
    Route("POST", "/v1/products", create, _CREATE),
    Route("GET", "/v1/products", list_products, {**PAGE, "active": Flag(), "created": Range(), "ids": Items(Text())}),
    Route("GET", "/v1/products/{id}", retrieve),
    Route("POST", "/v1/products/{id}", update, _WRITE),
    Route("DELETE", "/v1/products/{id}", delete, expands=False),
)
