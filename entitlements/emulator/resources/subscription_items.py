"""Subscription items: a price subscribed to, its period, and the features its product had when that began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.ids import new_id
from entitlements.emulator.periods import period_end
from entitlements.emulator.resources import prices
from entitlements.emulator.wire.errors import invalid, missing_parameter, no_such
from entitlements.emulator.wire.lists import listed
from entitlements.emulator.wire.params import Fields, Flag, Items, Metadata, Text, Whole, given, merged

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.params import Spec
    from entitlements.emulator.wire.routes import Call

__all__ = [
    "CREATE",
    "UPDATE",
    "add",
    "change",
    "features_of",
    "keep",
    "move",
    "of",
    "recurring_price",
    "refresh_features",
    "rendered",
    "renew",
]

_KIND = "subscription_item"
_ITEM: Spec = {"metadata": Metadata(), "price": Text(), "quantity": Whole(least=0)}
CREATE = Items(Fields({**_ITEM, "price": Text(required=True)}), most=20)
UPDATE = Items(Fields({**_ITEM, "id": Text(), "deleted": Flag()}), most=20)


def of(tx: Transaction, subscription: str) -> list[Json]:
    """Fetch a subscription's items, oldest first."""
    return tx.all(_KIND, parent=subscription)


def features_of(tx: Transaction, product: str) -> list[str]:
    """List the features a product has now."""
    return [attached["feature"] for attached in tx.all("product_feature", parent=product)]


def recurring_price(call: Call, price_id: str, param: str, currency: str | None = None) -> Json:
    """Fetch a price that can be subscribed to, in the subscription's currency if it has one."""
    price = prices.load(call.tx, price_id, param)
    if price["recurring"] is None:
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
        )
        raise invalid(message, param)
    if not price["active"]:
        raise invalid(f"The price specified is inactive. This field only accepts active prices: {price_id}.", param)
    if currency is not None and price["currency"] != currency:
        message = f"The price specified supports {price['currency']}, and the subscription is billed in {currency}."
        raise invalid(message, param)
    return price


def add(call: Call, subscription: Json, wanted: Json, param: str) -> Json:
    """Add an item and begin its period."""
    if "price" not in wanted:
        raise missing_parameter(f"{param}[price]")
    price = recurring_price(call, wanted["price"], f"{param}[price]", subscription["currency"])
    if any(item["price"] == price["id"] for item in of(call.tx, subscription["id"])):
        message = (
            f"Cannot add multiple subscription items with the same plan: {price['id']}. "
            "Please use a quantity to achieve multiple subscriptions to the same plan."
        )
        raise invalid(message, f"{param}[price]")
    item: Json = {
        "id": new_id("si_"),
        "created": call.now,
        "features": features_of(call.tx, price["product"]),
        "metadata": merged({}, wanted.get("metadata")),
        "price": price["id"],
        "quantity": wanted.get("quantity", 1),
    }
    return call.tx.add(_KIND, place(call, subscription, item), parent=subscription["id"])


def keep(call: Call, subscription: str, item: Json) -> None:
    """Keep an item as Stripe's API gave it, with the features its product has here."""
    names = ("id", "created", "metadata", "quantity", "current_period_start", "current_period_end")
    price = prices.load(call.tx, item["price"]["id"])
    kept = {**{name: item[name] for name in names}, "price": price["id"]}
    call.tx.add(_KIND, {**kept, "features": features_of(call.tx, price["product"])}, parent=subscription)


def place(call: Call, subscription: Json, item: Json) -> Json:
    """Give an item the period that holds the present moment."""
    if subscription["status"] == "trialing":
        start, end = subscription["trial_start"], subscription["trial_end"]
    else:
        recurring = prices.load(call.tx, item["price"])["recurring"]
        anchor = subscription["billing_cycle_anchor"]
        start, end = period_end(anchor, call.now, recurring["interval"], recurring["interval_count"])
    return {**item, "current_period_start": start, "current_period_end": end}


def change(call: Call, subscription: Json, wanted: Json, param: str) -> None:
    """Add, change or delete an item, as one entry of an update asks."""
    if "id" not in wanted:
        add(call, subscription, wanted, param)
        return
    item = next((item for item in of(call.tx, subscription["id"]) if item["id"] == wanted["id"]), None)
    if item is None:
        raise no_such("subscription item", wanted["id"], f"{param}[id]")
    if wanted.get("deleted"):
        call.tx.drop(_KIND, item["id"])
        return
    _alter(call, subscription, item, wanted, param)


def _alter(call: Call, subscription: Json, item: Json, wanted: Json, param: str) -> None:
    if "price" in wanted:
        recurring_price(call, wanted["price"], f"{param}[price]", subscription["currency"])
    altered = {**item, **given(wanted, ("price", "quantity"))}
    if "metadata" in wanted:
        altered["metadata"] = merged(item["metadata"], wanted["metadata"])
    call.tx.put(_KIND, place(call, subscription, altered))


def refresh_features(call: Call, subscription: Json) -> None:
    """Let a subscription's items pick up what the catalogue says now."""
    for item in of(call.tx, subscription["id"]):
        product = prices.load(call.tx, item["price"])["product"]
        call.tx.put(_KIND, {**item, "features": features_of(call.tx, product)})


def move(call: Call, subscription: Json) -> None:
    """Give every item the period that its subscription's new anchor or trial makes."""
    for item in of(call.tx, subscription["id"]):
        call.tx.put(_KIND, place(call, subscription, item))


def renew(call: Call, subscription: Json, *, at_once: bool = False) -> None:
    """Begin the next period of every item whose period is over, or of all, with the features of today's catalogue."""
    for item in of(call.tx, subscription["id"]):
        if at_once or item["current_period_end"] <= call.now:
            product = prices.load(call.tx, item["price"])["product"]
            renewed = place(call, subscription, {**item, "features": features_of(call.tx, product)})
            call.tx.put(_KIND, renewed)


def rendered(tx: Transaction, subscription: str) -> Json:
    """Write a subscription's items as the list inside it."""
    url = f"/v1/subscription_items?subscription={subscription}"
    return listed(url, [_rendered(tx, subscription, item) for item in of(tx, subscription)])


def _rendered(tx: Transaction, subscription: str, item: Json) -> Json:
    price = prices.load(tx, item["price"])
    return {
        "id": item["id"],
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": item["created"],
        "current_period_end": item["current_period_end"],
        "current_period_start": item["current_period_start"],
        "current_trial": None,
        "discounts": [],
        "metadata": item["metadata"],
        "plan": prices.as_plan(price),
        "price": price,
        "quantity": item["quantity"],
        "subscription": subscription,
        "tax_rates": [],
    }
