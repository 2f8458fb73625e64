"""Subscriptions: bought, changed, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import events, lifecycle
from entitlements.emulator.ids import new_id
from entitlements.emulator.resources import active_entitlements, prices, subscription_items
from entitlements.emulator.resources.subscription_fields import (
    CANCEL,
    CREATE,
    UPDATE,
    blank,
    cancellation,
    trial,
)
from entitlements.emulator.wire.errors import invalid, missing_parameter, no_such
from entitlements.emulator.wire.params import given, merged
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.emulator.store import Json, Transaction

__all__ = [
    "ROUTES",
    "cancel_all",
    "catalog_changed",
    "end",
    "living",
    "load",
    "pause",
    "rendered",
    "save",
    "set_status",
    "unpaused",
]

_KIND = "subscription"
_TRIAL = 14 * 86_400  # of a subscription put into a trial by hand


def create(call: Call) -> Json:
    customer = call.tx.get("customer", call.params["customer"])
    if customer is None or customer.get("deleted"):
        raise no_such("customer", call.params["customer"], "customer")
    if not call.params.get("items"):
        raise missing_parameter("items")
    call = call.under(customer["test_clock"])
    subscription = {
        **blank(call, new_id("sub_1", 23), customer["id"]),
        "metadata": merged({}, call.params.get("metadata")),
        "test_clock": customer["test_clock"],
        **trial(call),
        **_plain(call),
    }
    first = subscription_items.recurring_price(call, call.params["items"][0]["price"], "items[0][price]")
    subscription["currency"] = first["currency"]
    call.tx.add(_KIND, subscription, parent=customer["id"], clock=call.clock)
    for place, wanted in enumerate(call.params["items"]):
        subscription_items.add(call, subscription, wanted, f"items[{place}]")
    return _created(call, subscription)


def _created(call: Call, subscription: Json) -> Json:
    items = subscription_items.of(call.tx, subscription["id"])
    first = _awaiting_payment(call, subscription, items)
    after = save(call, {**subscription, **first, **cancellation(call, subscription, items)})
    events.emit(call, "customer.subscription.created", after)
    _warn(call, after)
    active_entitlements.refresh(call, subscription["customer"])
    return after


def _awaiting_payment(call: Call, subscription: Json, items: Sequence[Json]) -> Json:
    """Say whether the first payment is left to be confirmed, as `default_incomplete` asks."""
    asked = call.params.get("payment_behavior") == "default_incomplete" and subscription["status"] == "active"
    costs = any(prices.load(call.tx, item["price"])["unit_amount"] != 0 for item in items)
    return {"status": "incomplete"} if asked and costs else {}


def _warn(call: Call, subscription: Json) -> None:
    """Tell at once of a trial's end that is too near to be told of in time."""
    if subscription["status"] == "trialing" and subscription["trial_end"] - lifecycle.WARNING <= call.now:
        events.emit(call, "customer.subscription.trial_will_end", subscription)


def _plain(call: Call) -> Json:
    names = ("collection_method", "days_until_due", "default_payment_method", "description", "trial_settings")
    return given(call.params, names)


def load(tx: Transaction, subscription_id: str) -> Json:
    """Fetch a subscription, without its items."""
    subscription = tx.get(_KIND, subscription_id)
    if subscription is None:
        raise no_such("subscription", subscription_id)
    return subscription


def save(call: Call, subscription: Json) -> Json:
    """Keep a subscription, note when time will change it, and give its full form."""
    items = subscription_items.of(call.tx, subscription["id"])
    turn = lifecycle.next_turn(subscription, [item["current_period_end"] for item in items], call.now)
    call.tx.put(_KIND, subscription, due=None if turn is None else turn.at)
    return rendered(call.tx, subscription)


def rendered(tx: Transaction, subscription: Json) -> Json:
    """Write a subscription with its items."""
    return {**subscription, "items": subscription_items.rendered(tx, subscription["id"])}


def retrieve(call: Call) -> Json:
    return rendered(call.tx, load(call.tx, call.ids["subscription"]))


def living(call: Call) -> tuple[Call, Json]:
    """Fetch the subscription in the path, unless it has ended, and the time it lives in."""
    subscription = load(call.tx, call.ids["subscription"])
    if subscription["status"] in lifecycle.ENDED:
        raise no_such(_KIND, subscription["id"])
    return call.under(subscription["test_clock"]), subscription


def update(call: Call) -> Json:
    call, subscription = living(call)
    before = rendered(call.tx, subscription)
    _change_items(call, subscription)
    after = save(call, _changed(call, subscription))
    events.emit_update(call, "customer.subscription.updated", before, after)
    if before["trial_end"] != after["trial_end"]:
        _warn(call, {**after, "status": before["status"]})
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
    after = {**subscription, **_plain(call), **_noted(call, subscription)}
    if call.params.get("trial_end") == "now" and subscription["status"] == "trialing":
        after |= {"status": "active", "trial_end": call.now, "billing_cycle_anchor": call.now}
        subscription_items.renew(call, after, at_once=True)
    elif isinstance(call.params.get("trial_end"), int):
        begun = {"trial_start": subscription["trial_start"]} if subscription["status"] == "trialing" else {}
        after |= {**trial(call), **begun}
        subscription_items.move(call, after)
    elif call.params.get("billing_cycle_anchor") == "now":
        after["billing_cycle_anchor"] = call.now
        subscription_items.renew(call, after, at_once=True)
    items = subscription_items.of(call.tx, subscription["id"])
    return {**after, **cancellation(call, after, items)}


def _noted(call: Call, subscription: Json) -> Json:
    noted = given(call.params, ("pause_collection",))
    if noted.get("pause_collection"):
        noted["pause_collection"] = {"resumes_at": None, **noted["pause_collection"]}
    if "metadata" in call.params:
        noted["metadata"] = merged(subscription["metadata"], call.params["metadata"])
    if "cancellation_details" in call.params:
        noted["cancellation_details"] = {**subscription["cancellation_details"], **call.params["cancellation_details"]}
    return noted


def cancel(call: Call) -> Json:
    call, subscription = living(call)
    details: Json = call.params.get("cancellation_details") or {}
    after = end(
        call, subscription, {**subscription["cancellation_details"], **details, "reason": "cancellation_requested"}
    )
    active_entitlements.refresh(call, subscription["customer"])
    return after


def end(call: Call, subscription: Json, details: Json | None = None) -> Json:
    """End a subscription now."""
    ended = {
        **unpaused(subscription),
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or call.now,
        "cancellation_details": details or subscription["cancellation_details"],
        "ended_at": call.now,
    }
    after = save(call, ended)
    events.emit(call, "customer.subscription.deleted", after)
    return after


def cancel_all(call: Call, customer: Json) -> None:
    """End every subscription of a customer, as happens when the customer is deleted."""
    call = call.under(customer["test_clock"])
    for subscription in call.tx.all(_KIND, parent=customer["id"]):
        if subscription["status"] not in lifecycle.ENDED:
            end(call, subscription)
    tell = active_entitlements.derive if call.rules.silent_deletion else active_entitlements.refresh
    tell(call, customer["id"])


def set_status(call: Call, subscription_id: str, status: str) -> Json:
    """Put a subscription into a status that payments would lead to; the emulator takes no payments."""
    if status not in lifecycle.STATUSES:
        raise invalid(f"Invalid status: must be one of {', '.join(lifecycle.STATUSES)}", "status")
    subscription = load(call.tx, subscription_id)
    call = call.under(subscription["test_clock"])
    if subscription["status"] in lifecycle.ENDED:
        raise invalid(f"The subscription {subscription_id} has ended; it can't become {status}.", "status")
    if status == "canceled":
        after = end(call, subscription, {**subscription["cancellation_details"], "reason": "payment_failed"})
    else:
        after = _moved(call, subscription, status)
    active_entitlements.refresh(call, subscription["customer"])
    return after


def _moved(call: Call, subscription: Json, status: str) -> Json:
    if status == "paused" != subscription["status"]:
        return pause(call, subscription, "system")
    before = rendered(call.tx, subscription)
    trial_of_its_own = {"trial_start": call.now, "trial_end": call.now + _TRIAL} if status == "trialing" else {}
    after = save(call, {**unpaused(subscription), **trial_of_its_own, "status": status})
    events.emit_update(call, "customer.subscription.updated", before, after)
    if before["status"] == "paused" != status:
        events.emit(call, "customer.subscription.resumed", after)
    return after


def pause(call: Call, subscription: Json, reason: lifecycle.Pause) -> Json:
    """Put a subscription into `paused`, and tell why."""
    before = rendered(call.tx, subscription)
    details = {"subscription": {"type": reason}, "transitioned_at": call.now, "type": "subscription"}
    after = save(call, {**subscription, "status": "paused", "status_details": {"paused": details}})
    events.emit_update(call, "customer.subscription.updated", before, after)
    events.emit(call, "customer.subscription.paused", after)
    return after


def unpaused(subscription: Json) -> Json:
    """Leave out why it is paused."""
    return {name: value for name, value in subscription.items() if name != "status_details"}


def catalog_changed(call: Call, product: str) -> None:
    """Carry a catalogue change to existing subscribers at once, if the rules say so; else it waits for its time."""
    if not call.rules.catalog_at_once:
        return
    for subscription in call.tx.all(_KIND):
        items = subscription_items.of(call.tx, subscription["id"])
        if product in (prices.load(call.tx, item["price"])["product"] for item in items):
            subscription_items.refresh_features(call, subscription)
            active_entitlements.refresh(call.under(subscription["test_clock"]), subscription["customer"])


ROUTES = (
    Route("POST", "/v1/subscriptions", create, CREATE),
    Route("GET", "/v1/subscriptions/{subscription}", retrieve),
    Route("POST", "/v1/subscriptions/{subscription}", update, UPDATE),
    Route("DELETE", "/v1/subscriptions/{subscription}", cancel, CANCEL),
)
