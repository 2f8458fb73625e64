"""Pausing a subscription and resuming it, on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import events
from entitlements.emulator.resources import active_entitlements, subscription_items, subscriptions
from entitlements.emulator.wire.errors import invalid
from entitlements.emulator.wire.params import Choice, Fields, Moment
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES"]


def pause(call: Call) -> Json:
    call, subscription = subscriptions.living(call)
    if subscription["status"] in {"paused", "incomplete"}:
        raise invalid(f"A subscription that is {subscription['status']} can't be paused: {subscription['id']}.")
    after = subscriptions.pause(call, subscription, "pause_requested")
    active_entitlements.refresh(call, subscription["customer"])
    return after


def resume(call: Call) -> Json:
    call, subscription = subscriptions.living(call)
    if subscription["status"] != "paused":
        raise invalid(f"Only a paused subscription can be resumed; {subscription['id']} is {subscription['status']}.")
    if subscription["collection_method"] != "charge_automatically":
        raise invalid("Only a subscription that is charged automatically can be resumed.")
    before = subscriptions.rendered(call.tx, subscription)
    after = subscriptions.save(call, _resumed(call, subscription))
    events.emit_update(call, "customer.subscription.updated", before, after)
    events.emit(call, "customer.subscription.resumed", after)
    active_entitlements.refresh(call, subscription["customer"])
    return after


def _resumed(call: Call, subscription: Json) -> Json:
    """Begin a new period now, or go on with the one the old anchor makes."""
    anchor = call.params.get("billing_cycle_anchor", {"type": "now"})["type"]
    changed = {**subscriptions.unpaused(subscription), "status": "active"}
    if anchor == "now":
        changed["billing_cycle_anchor"] = call.now
    subscription_items.renew(call, changed, at_once=anchor == "now")
    return changed


def _kind(*types: str) -> Fields:
    return Fields({"type": Choice(types, required=True)})


# Nothing is billed here, so what to bill for changes nothing that can be seen.
_PAUSE: Spec = {
    "bill_for": Fields(
        {
            "outstanding_usage_through": _kind("none", "now"),
            "unused_time_from": _kind("item_current_period_start", "none", "now"),
        }
    ),
    "invoicing_behavior": Choice(("invoice", "pending_invoice_item")),
    "type": Choice(("subscription",)),
}
_RESUME: Spec = {
    "billing_cycle_anchor": _kind("now", "unchanged"),
    "payment_behavior": Choice(("resume_on_payment_attempt", "resume_on_payment_success")),
    "proration_behavior": Choice(("always_invoice", "create_prorations", "none")),
    "proration_date": Moment(),
}

ROUTES = (
    Route("POST", "/v1/subscriptions/{subscription}/pause", pause, _PAUSE),
    Route("POST", "/v1/subscriptions/{subscription}/resume", resume, _RESUME),
)
