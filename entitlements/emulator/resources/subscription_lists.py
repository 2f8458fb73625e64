"""Lists of subscriptions: by customer, price, status and test clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.resources import prices, subscriptions
from entitlements.emulator.resources.subscription_fields import LIST
from entitlements.emulator.store import Filter
from entitlements.emulator.wire.errors import no_such
from entitlements.emulator.wire.lists import bounds, page
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json

__all__ = ["ROUTES"]

_KIND = "subscription"


def list_subscriptions(call: Call) -> Json:
    filters = [*bounds("created", call.params.get("created")), *_of_status(call.params.get("status"))]
    if "test_clock" in call.params or "customer" not in call.params:
        filters.append(Filter("clock IS ?", (call.params.get("test_clock"),)))
    if "customer" in call.params:
        if call.tx.get("customer", call.params["customer"]) is None:
            raise no_such("customer", call.params["customer"], "customer")
        filters.append(Filter("parent = ?", (call.params["customer"],)))
    if "collection_method" in call.params:
        filters.append(Filter.field("collection_method", call.params["collection_method"]))
    if "price" in call.params:
        prices.load(call.tx, call.params["price"], "price")
        filters.append(_with_price(call.params["price"]))
    return page(call, _KIND, _KIND, lambda body: subscriptions.rendered(call.tx, body), filters)


def _of_status(status: str | None) -> list[Filter]:
    if status == "all":
        return []
    if status == "ended":
        return [Filter("json_extract(body, '$.status') IN ('canceled', 'incomplete_expired')")]
    return [
        Filter("json_extract(body, '$.status') != 'canceled'") if status is None else Filter.field("status", status)
    ]


def _with_price(price: str) -> Filter:
    items = "SELECT parent FROM objects WHERE kind = 'subscription_item' AND json_extract(body, '$.price') = ?"
    return Filter(f"id IN ({items})", (price,))


ROUTES = (Route("GET", "/v1/subscriptions", list_subscriptions, LIST),)
