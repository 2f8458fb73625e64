"""Subscriptions: bought, changed, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import events, lifecycle
from entitlements.emulator.ids import new_id
from entitlements.emulator.resources import active_entitlements, prices, subscription_items
from entitlements.emulator.resources.subscription_fields import CREATE, LIST, UPDATE, blank, cancellation
from entitlements.emulator.store import Filter
from entitlements.emulator.wire.errors import invalid, missing_parameter, no_such
from entitlements.emulator.wire.lists import bounds, page
from entitlements.emulator.wire.params import Fields, Flag, Text, given, merged
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES", "cancel_all", "catalog_changed", "end", "rendered", "save"]

_KIND = "subscription"
_DAY = 86_400
_TRIAL = 14 * _DAY  # of a subscription put into a trial by hand


def create(call: Call) -> Json:
    subscription = {**blank(call, new_id("sub_1", 23)), **_trial(call), **_plain(call)}
    customer = call.tx.get("customer", subscription["customer"])
    if customer is None or customer.get("deleted"):
        raise no_such("customer", subscription["customer"], "customer")
    if not call.params.get("items"):
        raise missing_parameter("items")
    first = subscription_items.recurring_price(call, call.params["items"][0]["price"], "items[0][price]")
    subscription["currency"] = first["currency"]
    call.tx.add(_KIND, subscription, parent=subscription["customer"])
    for place, wanted in enumerate(call.params["items"]):
        subscription_items.add(call, subscription, wanted, f"items[{place}]")
    return _created(call, subscription)


def _created(call: Call, subscription: Json) -> Json:
    items = subscription_items.of(call.tx, subscription["id"])
    after = save(call, {**subscription, **cancellation(call, subscription, items)})
    events.emit(call, "customer.subscription.created", after)
    active_entitlements.refresh(call, subscription["customer"])
    return after


def _plain(call: Call) -> Json:
    names = ("collection_method", "days_until_due", "default_payment_method", "description", "trial_settings")
    return given(call.params, names)


def _trial(call: Call) -> Json:
    """Say when a new subscription's trial ends, if it has one."""
    end = call.params.get("trial_end")
    if "trial_period_days" in call.params:
        end = call.now + call.params["trial_period_days"] * _DAY
    if end is None or end == "now" or end <= call.now:
        return {}
    return {"status": "trialing", "trial_start": call.now, "trial_end": end, "billing_cycle_anchor": end}


def load(tx: Transaction, subscription_id: str) -> Json:
    """Fetch a subscription, without its items."""
    subscription = tx.get(_KIND, subscription_id)
    if subscription is None:
        raise no_such("subscription", subscription_id)
    return subscription


def save(call: Call, subscription: Json) -> Json:
    """Keep a subscription, note when time will change it, and give its full form."""
    items = subscription_items.of(call.tx, subscription["id"])
    turn = lifecycle.next_turn(subscription, [item["current_period_end"] for item in items])
    call.tx.put(_KIND, subscription, due=None if turn is None else turn.at)
    return rendered(call.tx, subscription)


def rendered(tx: Transaction, subscription: Json) -> Json:
    """Write a subscription with its items."""
    return {**subscription, "items": subscription_items.rendered(tx, subscription["id"])}


def retrieve(call: Call) -> Json:
    return rendered(call.tx, load(call.tx, call.ids["subscription"]))


def update(call: Call) -> Json:
    subscription = load(call.tx, call.ids["subscription"])
    if subscription["status"] in lifecycle.ENDED:
        raise no_such(_KIND, subscription["id"])
    before = rendered(call.tx, subscription)
    _change_items(call, subscription)
    after = save(call, _changed(call, subscription))
    events.emit_update(call, "customer.subscription.updated", before, after)
    active_entitlements.refresh(call, subscription["customer"])
    return after


def _change_items(call: Call, subscription: Json) -> None:
    if "items" not in call.params:
        return
    for place, wanted in enumerate(call.params["items"]):
        subscription_items.change(call, subscription, wanted, f"items[{place}]")
    if not subscription_items.of(call.tx, subscription["id"]):
        raise invalid("A subscription must have at least one active plan. Cancel it instead.", "items")
    subscription_items.refresh_features(call, subscription)


def _changed(call: Call, subscription: Json) -> Json:
    after = {**subscription, **_plain(call)}
    if "metadata" in call.params:
        after["metadata"] = merged(subscription["metadata"], call.params["metadata"])
    if "pause_collection" in call.params:
        after["pause_collection"] = call.params["pause_collection"]
    if call.params.get("trial_end") == "now" and subscription["status"] == "trialing":
        after |= {"status": "active", "trial_end": call.now, "billing_cycle_anchor": call.now}
        subscription_items.move(call, after)
    elif isinstance(call.params.get("trial_end"), int):
        after |= _trial(call)
        subscription_items.move(call, after)
    items = subscription_items.of(call.tx, subscription["id"])
    return {**after, **cancellation(call, after, items)}


def cancel(call: Call) -> Json:
    subscription = load(call.tx, call.ids["subscription"])
    if subscription["status"] in lifecycle.ENDED:
        raise no_such(_KIND, subscription["id"])
    details: Json = call.params.get("cancellation_details") or {}
    after = end(
        call, subscription, {**subscription["cancellation_details"], **details, "reason": "cancellation_requested"}
    )
    active_entitlements.refresh(call, subscription["customer"])
    return after


def end(call: Call, subscription: Json, details: Json | None = None) -> Json:
    """End a subscription now."""
    ended = {
        **subscription,
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or call.now,
        "cancellation_details": details or subscription["cancellation_details"],
        "ended_at": call.now,
    }
    after = save(call, ended)
    events.emit(call, "customer.subscription.deleted", after)
    return after


def cancel_all(call: Call, customer: str) -> None:
    """End every subscription of a customer, as happens when the customer is deleted."""
    for subscription in call.tx.all(_KIND, parent=customer):
        if subscription["status"] not in lifecycle.ENDED:
            end(call, subscription)
    active_entitlements.refresh(call, customer)


def set_status(call: Call, subscription_id: str, status: str) -> Json:
    """Put a subscription into a status that payments would lead to; the emulator takes no payments."""
    if status not in lifecycle.STATUSES:
        raise invalid(f"Invalid status: must be one of {', '.join(lifecycle.STATUSES)}", "status")
    subscription = load(call.tx, subscription_id)
    if subscription["status"] in lifecycle.ENDED:
        raise invalid(f"The subscription {subscription_id} has ended; it can't become {status}.", "status")
    if status == "canceled":
        after = end(call, subscription, {**subscription["cancellation_details"], "reason": "payment_failed"})
    else:
        after = _moved(call, subscription, status)
    active_entitlements.refresh(call, subscription["customer"])
    return after


def _moved(call: Call, subscription: Json, status: str) -> Json:
    before = rendered(call.tx, subscription)
    trial = {"trial_start": call.now, "trial_end": call.now + _TRIAL} if status == "trialing" else {}
    after = save(call, {**subscription, **trial, "status": status})
    events.emit_update(call, "customer.subscription.updated", before, after)
    if status == "paused" != before["status"]:
        events.emit(call, "customer.subscription.paused", after)
    if before["status"] == "paused" != status:
        events.emit(call, "customer.subscription.resumed", after)
    return after


def catalog_changed(call: Call, product: str) -> None:
    """Carry a catalogue change to existing subscribers at once, if the rules say so; else it waits for its time."""
    if not call.rules.catalog_at_once:
        return
    for subscription in call.tx.all(_KIND):
        items = subscription_items.of(call.tx, subscription["id"])
        if product in (prices.load(call.tx, item["price"])["product"] for item in items):
            subscription_items.refresh_features(call, subscription)
            active_entitlements.refresh(call, subscription["customer"])


def list_subscriptions(call: Call) -> Json:
    filters = [*bounds("created", call.params.get("created")), *_of_status(call.params.get("status"))]
    if "customer" in call.params:
        if call.tx.get("customer", call.params["customer"]) is None:
            raise no_such("customer", call.params["customer"], "customer")
        filters.append(Filter("parent = ?", (call.params["customer"],)))
    if "collection_method" in call.params:
        filters.append(Filter.field("collection_method", call.params["collection_method"]))
    if "price" in call.params:
        prices.load(call.tx, call.params["price"], "price")
        filters.append(_with_price(call.params["price"]))
    return page(call, _KIND, _KIND, lambda body: rendered(call.tx, body), filters)


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


_DETAILS = Fields({"comment": Text(unsets=True), "feedback": Text(unsets=True)})
_CANCEL: Spec = {"cancellation_details": _DETAILS, "invoice_now": Flag(), "prorate": Flag()}

ROUTES = (
    Route("POST", "/v1/subscriptions", create, CREATE),
    Route("GET", "/v1/subscriptions", list_subscriptions, LIST),
    Route("GET", "/v1/subscriptions/{subscription}", retrieve),
    Route("POST", "/v1/subscriptions/{subscription}", update, UPDATE),
    Route("DELETE", "/v1/subscriptions/{subscription}", cancel, _CANCEL),
)
