"""Active entitlements: what each customer may use, kept in step with their subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import events, lifecycle
from entitlements.emulator.ids import new_id
from entitlements.emulator.resources import features, subscription_items
from entitlements.emulator.store import Cursor, Filter
from entitlements.emulator.wire.errors import no_such
from entitlements.emulator.wire.lists import PAGE, listed, page
from entitlements.emulator.wire.params import Text
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json

__all__ = ["ROUTES", "derive", "refresh"]

_KIND = "active_entitlement"
_WHAT = "active entitlement"
_INLINED = 10  # a summary event carries no more


def refresh(call: Call, customer: str) -> None:
    """Bring a customer's entitlements in step with their subscriptions, and tell of it if anything changed."""
    most = None if call.rules.previous_whole else _INLINED
    before = call.tx.all(_KIND, parent=customer)[::-1][:most]  # newest first, as in the summary
    if not derive(call, customer):
        return
    previous = {"entitlements": {"data": before}}
    kind = "entitlements.active_entitlement_summary.updated"
    events.emit(call.on_its_own(), kind, _summary(call, customer), previous)


def derive(call: Call, customer: str) -> lifecycle.Change:
    """Bring a customer's entitlements in step with their subscriptions; say what changed."""
    held = {entitlement["feature"]: entitlement for entitlement in call.tx.all(_KIND, parent=customer)}
    change = lifecycle.changes(held, lifecycle.entitled(_sources(call, customer), call.rules))
    for feature in change.lost:
        call.tx.drop(_KIND, held[feature]["id"])
    for feature in change.gained:
        call.tx.add(_KIND, _entitlement(call, feature), parent=customer)
    return change


def _sources(call: Call, customer: str) -> list[lifecycle.Source]:
    return [
        lifecycle.Source(subscription["status"], tuple(item["features"]), _pause(subscription))
        for subscription in call.tx.all("subscription", parent=customer)
        for item in subscription_items.of(call.tx, subscription["id"])
    ]


def _pause(subscription: Json) -> str | None:
    details = subscription.get("status_details")
    return None if details is None else str(details["paused"]["subscription"]["type"])


def _entitlement(call: Call, feature: str) -> Json:
    return {
        "id": new_id("ent_test_61", 22),
        "object": "entitlements.active_entitlement",
        "feature": feature,
        "livemode": False,
        "lookup_key": features.load(call.tx, feature)["lookup_key"],
    }


def _summary(call: Call, customer: str) -> Json:
    newest, has_more = call.tx.page(_KIND, [_of(customer)], Cursor(), _INLINED)
    # `/v1/customer/...`, in the singular, is what Stripe's events say.
    url = f"/v1/customer/{customer}/entitlements"
    return {
        "object": "entitlements.active_entitlement_summary",
        "customer": customer,
        "entitlements": listed(url, newest, has_more=has_more),
        "livemode": False,
    }


def _of(customer: str) -> Filter:
    return Filter("parent = ?", (customer,))


def _listed(call: Call, customer: str, param: str) -> Json:
    if call.tx.get("customer", customer) is None and not call.rules.unknown_customers_hold_nothing:
        raise no_such("customer", customer, param)
    return page(call, _KIND, _WHAT, dict, [_of(customer)])


def list_of_customer(call: Call) -> Json:
    return _listed(call, call.params["customer"], "customer")


def list_in_path(call: Call) -> Json:
    return _listed(call, call.ids["customer"], "id")


def retrieve(call: Call) -> Json:
    entitlement = call.tx.get(_KIND, call.ids["id"])
    if entitlement is None:
        raise no_such(_WHAT, call.ids["id"])
    return entitlement


ROUTES = (
    Route("GET", "/v1/entitlements/active_entitlements", list_of_customer, {**PAGE, "customer": Text(required=True)}),
    Route("GET", "/v1/entitlements/active_entitlements/{id}", retrieve),
    Route("GET", "/v1/customer/{customer}/entitlements", list_in_path, PAGE),
)
