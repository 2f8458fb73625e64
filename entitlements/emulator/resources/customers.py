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

__all__ = ["ROUTES", "load"]

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
_WRITE: Spec = {**_PLAIN, "metadata": Metadata()}
_CREATE: Spec = {**_WRITE, "validate": Flag()}


def create(call: Call) -> Json:
    customer_id = call.named or new_id("cus_")
    if call.tx.get("customer", customer_id) is not None:
        raise invalid("Customer already exists.", "id", "resource_already_exists")
    customer: Json = {
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
        "metadata": merged({}, call.params.get("metadata")),
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
        **_written(call),
    }
    call.tx.add("customer", customer)
    events.emit(call, "customer.created", customer)
    return customer


def _written(call: Call) -> Json:
    values = given(call.params, _PLAIN)
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
    after = {**before, **_written(call)}
    if "metadata" in call.params:
        after["metadata"] = merged(before["metadata"], call.params["metadata"])
    events.emit_update(call, "customer.updated", before, after)
    return call.tx.put("customer", after)


def list_customers(call: Call) -> Json:
    filters = [Filter("json_extract(body, '$.deleted') IS NULL"), *bounds("created", call.params.get("created"))]
    if "email" in call.params:
        filters.append(Filter.field("email", call.params["email"]))
    return page(call, "customer", "customer", dict, filters)


def delete(call: Call) -> Json:
    customer = _living(call)
    subscriptions.cancel_all(call, customer["id"])
    events.emit(call, "customer.deleted", customer)
    return call.tx.put("customer", {"id": customer["id"], "object": "customer", "deleted": True})


ROUTES = (
    Route("POST", "/v1/customers", create, _CREATE),
    Route("GET", "/v1/customers", list_customers, {**PAGE, "created": Range(), "email": Text(512)}),
    Route("GET", "/v1/customers/{customer}", retrieve),
    Route("POST", "/v1/customers/{customer}", update, _WRITE),
    Route("DELETE", "/v1/customers/{customer}", delete, expands=False),
)
