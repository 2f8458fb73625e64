"""Customers."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from entitlements.emulator import events
from entitlements.emulator.ids import new_id
from entitlements.emulator.resources import subscriptions
from entitlements.emulator.store import Filter
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, bounds, page
from entitlements.emulator.wire.params import Choice, Fields, Flag, Items, Metadata, Range, Text, Whole, given, merged
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES", "blank", "load", "remove"]

_LINES = ("city", "country", "line1", "line2", "postal_code", "state")
_ADDRESS = Fields(dict.fromkeys(_LINES, Text(unsets=True)), unsets=True)
_PLAIN: Spec = {
    "address": _ADDRESS,
    "balance": Whole(),
    "description": Text(unsets=True),
    "email": Text(512, unsets=True),
    "name": Text(256, unsets=True),
    "phone": Text(unsets=True),
    "preferred_locales": Items(Text()),
    "tax_exempt": Choice(("none", "reverse", "exempt")),
}
_WRITE: Spec = {
    **_PLAIN,
    "invoice_settings": Fields({"default_payment_method": Text(unsets=True)}),
    "metadata": Metadata(),
}
_CREATE: Spec = {**_WRITE, "test_clock": Text(), "validate": Flag()}


def create(call: Call) -> Json:
    clock = call.params.get("test_clock")
    if clock is not None and call.tx.get("test_clock", clock) is None:
        raise no_such("test_clock", clock, "test_clock")
    call = call.under(clock)
    customer_id = call.named or new_id("cus_")
    if call.tx.get("customer", customer_id) is not None:
        raise invalid("Customer already exists.", "id", "resource_already_exists")
    customer = blank(call, customer_id)
    customer |= {"metadata": merged({}, call.params.get("metadata")), "test_clock": clock}
    customer |= _written(call, customer)
    call.tx.add("customer", customer, clock=clock)
    events.emit(call, "customer.created", customer)
    return customer


def blank(call: Call, customer_id: str) -> Json:
    """Make a customer of whom nothing is known."""
    return {
        "id": customer_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": secrets.token_hex(4).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _written(call: Call, customer: Json) -> Json:
    values = given(call.params, _PLAIN)
    if "invoice_settings" in call.params:
        values["invoice_settings"] = {**customer["invoice_settings"], **call.params["invoice_settings"]}
    if values.get("address"):
        values["address"] = {**dict.fromkeys(_LINES), **values["address"]}
    return values


def load(tx: Transaction, customer_id: str) -> Json:
    """Fetch a customer, deleted ones in their short form."""
    customer = tx.get("customer", customer_id)
    if customer is None:
        raise no_such("customer", customer_id)
    return customer


def _living(call: Call) -> Json:
    customer = load(call.tx, call.ids["customer"])
    if customer.get("deleted"):
        raise no_such("customer", call.ids["customer"])
    return customer


def retrieve(call: Call) -> Json:
    return load(call.tx, call.ids["customer"])


def update(call: Call) -> Json:
    before = _living(call)
    call = call.under(before["test_clock"])
    after = {**before, **_written(call, before)}
    if "metadata" in call.params:
        after["metadata"] = merged(before["metadata"], call.params["metadata"])
    events.emit_update(call, "customer.updated", before, after)
    return call.tx.put("customer", after)


def list_customers(call: Call) -> Json:
    alive = Filter("json_extract(body, '$.deleted') IS NULL")
    of_clock = Filter("clock IS ?", (call.params.get("test_clock"),))
    filters = [alive, of_clock, *bounds("created", call.params.get("created"))]
    if "email" in call.params:
        filters.append(Filter.field("email", call.params["email"]))
    return page(call, "customer", "customer", dict, filters)


def delete(call: Call) -> Json:
    return remove(call, _living(call))


def remove(call: Call, customer: Json) -> Json:
    """Delete a customer, its subscriptions first."""
    call = call.under(customer["test_clock"])
    subscriptions.cancel_all(call, customer)
    events.emit(call, "customer.deleted", customer)
    return call.tx.put("customer", {"id": customer["id"], "object": "customer", "deleted": True})


_LIST: Spec = {**PAGE, "created": Range(), "email": Text(512), "test_clock": Text()}

ROUTES = (
    Route("POST", "/v1/customers", create, _CREATE),
    Route("GET", "/v1/customers", list_customers, _LIST),
    Route("GET", "/v1/customers/{customer}", retrieve),
    Route("POST", "/v1/customers/{customer}", update, _WRITE),
    Route("DELETE", "/v1/customers/{customer}", delete, expands=False),
)
