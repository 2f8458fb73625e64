"""Prices: what a product costs, and how often."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from entitlements.emulator import events
from entitlements.emulator.ids import new_id
from entitlements.emulator.store import Cursor, Filter
from entitlements.emulator.wire.currencies import Currency
from entitlements.emulator.wire.errors import invalid, missing_parameter, no_such
from entitlements.emulator.wire.lists import PAGE, bounds, page
from entitlements.emulator.wire.params import Choice, Fields, Flag, Items, Metadata, Range, Text, Whole, given, merged
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.params import Spec

__all__ = ["OF_PRODUCT", "ROUTES", "add", "as_plan", "blank", "load"]

_KIND = "price"
_RECURRING: Spec = {
    "interval": Choice(("day", "week", "month", "year"), required=True),
    "interval_count": Whole(least=1, most=1_095),
    "trial_period_days": Whole(least=0, most=730),
    "usage_type": Choice(("licensed", "metered")),
}
OF_PRODUCT: Spec = {
    "currency": Currency(required=True),
    "metadata": Metadata(),
    "recurring": Fields(_RECURRING),
    "tax_behavior": Choice(("exclusive", "inclusive", "unspecified")),
    "unit_amount": Whole(least=0, most=99_999_999),
    "unit_amount_decimal": Text(),
}
_CREATE: Spec = {
    **OF_PRODUCT,
    "active": Flag(),
    "billing_scheme": Choice(("per_unit",)),
    "lookup_key": Text(200),
    "nickname": Text(unsets=True),
    "product": Text(),
    "transfer_lookup_key": Flag(),
}
_UPDATE: Spec = {
    "active": Flag(),
    "lookup_key": Text(200, unsets=True),
    "metadata": Metadata(),
    "nickname": Text(unsets=True),
    "tax_behavior": OF_PRODUCT["tax_behavior"],
    "transfer_lookup_key": Flag(),
}


def create(call: Call) -> Json:
    return add(call, call.params, call.named)


def add(call: Call, wanted: Json, named: str | None = None) -> Json:
    """Create a price from parameters already read."""
    if "product" not in wanted:
        raise missing_parameter("product")
    if call.tx.get("product", wanted["product"]) is None:
        raise no_such("product", wanted["product"], "product")
    if named is not None and call.tx.get(_KIND, named) is not None:
        raise invalid("Price already exists.", "id", "resource_already_exists")
    _take_lookup_key(call, wanted)
    amount, decimal = _amount(wanted)
    recurring = wanted.get("recurring")
    price: Json = {
        **blank(call, named or new_id("price_1", 23), wanted["product"]),
        **given(wanted, ("active", "lookup_key", "nickname", "tax_behavior")),
        "currency": wanted["currency"],
        "metadata": merged({}, wanted.get("metadata")),
        "recurring": None if recurring is None else {**_MONTHLY, **recurring},
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": decimal,
    }
    call.tx.add(_KIND, price, parent=wanted["product"])
    events.emit(call, "price.created", price)
    return price


def blank(call: Call, price_id: str, product: str) -> Json:
    """Make a price of which only the product is known."""
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": call.now,
        "currency": "usd",
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product,
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": 0,
        "unit_amount_decimal": "0",
    }


_MONTHLY = {
    "interval": "month",
    "interval_count": 1,
    "meter": None,
    "trial_period_days": None,
    "usage_type": "licensed",
}


_DECIMAL = re.compile(r"[0-9]{1,8}(\.[0-9]{1,12})?")


def _amount(wanted: Json) -> tuple[int | None, str]:
    if "unit_amount" in wanted:
        return wanted["unit_amount"], str(wanted["unit_amount"])
    decimal = wanted.get("unit_amount_decimal")
    if decimal is None:
        raise missing_parameter("unit_amount")
    if not _DECIMAL.fullmatch(decimal):
        raise invalid(f"Invalid decimal: {decimal[:40]}", "unit_amount_decimal")
    return (None if "." in decimal else int(decimal)), decimal


def _take_lookup_key(call: Call, wanted: Json, owner: str | None = None) -> None:
    """Make sure that no other price has the lookup key, or take it from the one that has when told to."""
    key = wanted.get("lookup_key")
    holders = call.tx.page(_KIND, [Filter.field("lookup_key", key)], Cursor(), 1)[0] if key else []
    for holder in holders:
        if holder["id"] == owner:
            continue
        if not wanted.get("transfer_lookup_key"):
            raise invalid(f"A price (`{holder['id']}`) already uses that lookup key.", "lookup_key")
        call.tx.put(_KIND, {**holder, "lookup_key": None})


def load(tx: Transaction, price_id: str, param: str = "id") -> Json:
    """Fetch a price."""
    price = tx.get(_KIND, price_id)
    if price is None:
        raise no_such("price", price_id, param)
    return price


def as_plan(price: Json) -> Json:
    """Mirror a recurring price as the plan that subscription items still carry."""
    same = (
        "active",
        "billing_scheme",
        "created",
        "currency",
        "livemode",
        "metadata",
        "nickname",
        "product",
        "tiers_mode",
    )
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        **{name: price[name] for name in same},
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "meter": recurring["meter"],
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }


def retrieve(call: Call) -> Json:
    return load(call.tx, call.ids["price"])


def update(call: Call) -> Json:
    before = load(call.tx, call.ids["price"])
    _take_lookup_key(call, call.params, before["id"])
    values = {name: value for name, value in call.params.items() if name not in {"metadata", "transfer_lookup_key"}}
    after = {**before, **values}
    if "metadata" in call.params:
        after["metadata"] = merged(before["metadata"], call.params["metadata"])
    events.emit_update(call, "price.updated", before, after)
    return call.tx.put(_KIND, after)


def list_prices(call: Call) -> Json:
    filters = bounds("created", call.params.get("created"))
    filters += [
        Filter.field(name, call.params[name])
        for name in ("active", "currency", "product", "type")
        if name in call.params
    ]
    if "lookup_keys" in call.params:
        keys = call.params["lookup_keys"]
        filters.append(Filter(f"json_extract(body, '$.lookup_key') IN ({', '.join('?' * len(keys))})", tuple(keys)))
    return page(call, _KIND, "price", dict, filters)


_LIST: Spec = {
    **PAGE,
    "active": Flag(),
    "created": Range(),
    "currency": Currency(),
    "lookup_keys": Items(Text(200), most=10),
    "product": Text(),
    "type": Choice(("one_time", "recurring")),
}

ROUTES = (
    Route("POST", "/v1/prices", create, _CREATE),
    Route("GET", "/v1/prices", list_prices, _LIST),
    Route("GET", "/v1/prices/{price}", retrieve),
    Route("POST", "/v1/prices/{price}", update, _UPDATE),
)
