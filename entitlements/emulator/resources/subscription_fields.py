"""A subscription's fields: what a new one holds and which parameters it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import lifecycle
from entitlements.emulator.resources import subscription_items
from entitlements.emulator.wire.errors import invalid
from entitlements.emulator.wire.lists import PAGE
from entitlements.emulator.wire.params import Choice, Fields, Flag, Metadata, Moment, Range, Text, Whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.params import Spec
    from entitlements.emulator.wire.routes import Call

__all__ = ["CANCEL", "CREATE", "LIST", "UPDATE", "blank", "cancellation", "trial"]

_DAY = 86_400
_LONGEST_TRIAL = 730 * _DAY

_END_BEHAVIOR = Fields(
    {"missing_payment_method": Choice(("cancel", "create_invoice", "pause"), required=True)}, required=True
)
_BOTH: Spec = {
    "cancel_at": Moment(unsets=True),
    "cancel_at_period_end": Flag(),
    "collection_method": Choice(("charge_automatically", "send_invoice")),
    "days_until_due": Whole(least=0),
    "default_payment_method": Text(),
    "description": Text(500, unsets=True),
    "metadata": Metadata(),
    # Payment is taken to succeed, unless it is left to be confirmed: see `default_incomplete`.
    "off_session": Flag(),
    "payment_behavior": Choice(
        ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
    ),
    "proration_behavior": Choice(("always_invoice", "create_prorations", "none")),
    "trial_end": Moment(("now",)),
    "trial_settings": Fields({"end_behavior": _END_BEHAVIOR}),
}
CREATE: Spec = {
    **_BOTH,
    "customer": Text(required=True),
    "items": subscription_items.CREATE,
    "trial_period_days": Whole(least=0, most=730),
}
_PAUSE = Fields(
    {"behavior": Choice(("keep_as_draft", "mark_uncollectible", "void"), required=True), "resumes_at": Moment()},
    unsets=True,
)
_FEEDBACK = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
_DETAILS = Fields({"comment": Text(unsets=True), "feedback": Choice(_FEEDBACK, unsets=True)})
CANCEL: Spec = {"cancellation_details": _DETAILS, "invoice_now": Flag(), "prorate": Flag()}
UPDATE: Spec = {
    **_BOTH,
    "billing_cycle_anchor": Choice(("now", "unchanged")),
    "cancellation_details": _DETAILS,
    "items": subscription_items.UPDATE,
    "pause_collection": _PAUSE,
    "proration_date": Moment(),
}
LIST: Spec = {
    **PAGE,
    "collection_method": _BOTH["collection_method"],
    "created": Range(),
    "customer": Text(),
    "price": Text(),
    "status": Choice((*lifecycle.STATUSES, "all", "ended")),
    "test_clock": Text(),
}


def blank(call: Call, subscription_id: str, customer: str) -> Json:
    """Make an active subscription that begins now, its items aside."""
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": call.now,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": None, "type": "classic"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": call.now,
        "currency": "usd",
        "customer": customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "latest_invoice": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": None,
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": call.now,
        "status": "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": None,
        "trial_start": None,
    }


def trial(call: Call) -> Json:
    """Say when a subscription's trial ends, if the request gives it one."""
    end = call.params.get("trial_end")
    if "trial_period_days" in call.params:
        if end is not None:
            raise invalid("You may only specify one of these parameters: trial_end, trial_period_days.", "trial_end")
        end = call.now + call.params["trial_period_days"] * _DAY
    elif isinstance(end, int) and end <= call.now:
        raise invalid(f"Invalid timestamp: `trial_end` must lie in the future; {end} has passed.", "trial_end")
    if end is None or end in {"now", call.now}:
        return {}
    if end > call.now + _LONGEST_TRIAL:
        raise invalid(f"Invalid timestamp: a trial can last 730 days at most; {end} is later than that.", "trial_end")
    return {"status": "trialing", "trial_start": call.now, "trial_end": end, "billing_cycle_anchor": end}


def cancellation(call: Call, subscription: Json, items: Sequence[Json]) -> Json:
    """Say when a subscription will end: at its period's end, at a moment, or no longer."""
    at_period_end = call.params.get("cancel_at_period_end")
    if at_period_end or (
        at_period_end is None and "cancel_at" not in call.params and subscription["cancel_at_period_end"]
    ):
        end = max(item["current_period_end"] for item in items)
        return {"cancel_at": end, "cancel_at_period_end": True, "canceled_at": subscription["canceled_at"] or call.now}
    if "cancel_at" in call.params or at_period_end is not None:
        at = call.params.get("cancel_at")
        if at is not None and at <= call.now:
            raise invalid(f"Invalid timestamp: `cancel_at` must lie in the future; {at} has passed.", "cancel_at")
        return {"cancel_at": at, "cancel_at_period_end": False, "canceled_at": None if at is None else call.now}
    return {}
