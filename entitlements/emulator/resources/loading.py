"""Loading: objects as Stripe's API gave them, taken in as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from entitlements.emulator import payments
from entitlements.emulator.resources import (
    active_entitlements,
    customers,
    prices,
    products,
    subscription_items,
    subscriptions,
)
from entitlements.emulator.resources.subscription_fields import blank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.routes import Call

__all__ = ["load"]


def load(call: Call, objects: Iterable[Mapping[str, object]]) -> None:
    """Take in objects, single or in lists; what is there already is replaced."""
    for body in objects:
        _load(call, dict(body))


def _load(call: Call, body: Json) -> None:
    kind = body.get("object")
    if kind == "list":
        _load_list(call, body)
        return
    keep = _KEEPERS.get(str(kind))
    if keep is None:
        raise ValueError(f"object={kind!r}: the emulator loads {', '.join(_KEEPERS)}, and lists of them")
    try:
        keep(call, body)
    except KeyError as error:
        raise ValueError(f"the {kind} {body.get('id')!r} has no {error}; give the whole object") from error


def _load_list(call: Call, body: Json) -> None:
    """Take in a list, which has the newest first; of some objects only its url tells whose they are."""
    parts = str(body.get("url", "")).split("/")
    for part in cast("list[Json]", body.get("data", []))[::-1]:
        match part.get("object"), parts:
            case "product_feature", ["", "v1", "products", product, "features"]:
                _keep_product_feature(call, part, product)
            case "entitlements.active_entitlement", ["", "v1", "customer", customer, "entitlements"]:
                _keep_entitlement(call, part, customer)
            case _:
                _load(call, part)


def _keep(call: Call, kind: str, body: Json, parent: str | None = None, clock: str | None = None) -> None:
    call.tx.drop(kind, body["id"])
    call.tx.add(kind, body, parent=parent, clock=clock)


def _id(reference: Any) -> str:  # noqa: ANN401 - JSON
    """Give the id of what may have been expanded."""
    return reference if isinstance(reference, str) else str(reference["id"])


def _there(call: Call, kind: str, object_id: str) -> str:
    if call.tx.get(kind, object_id) is None:
        raise ValueError(f"there is no {kind} {object_id!r}; load it first")
    return object_id


def _keep_customer(call: Call, body: Json) -> None:
    _keep(call, "customer", {**customers.blank(call, body["id"]), **body, "test_clock": None})


def _keep_product(call: Call, body: Json) -> None:
    price = body.get("default_price")
    body = {**products.blank(call, body["id"]), **body, "default_price": None if price is None else _id(price)}
    _keep(call, "product", body)


def _keep_price(call: Call, body: Json) -> None:
    product = _there(call, "product", _id(body["product"]))
    _keep(call, "price", {**prices.blank(call, body["id"], product), **body, "product": product}, product)


def _keep_feature(call: Call, body: Json) -> None:
    _keep(call, "feature", {"active": True, "livemode": False, "metadata": {}, "name": body["lookup_key"], **body})


def _keep_product_feature(call: Call, body: Json, product: str) -> None:
    _keep_feature(call, body["entitlement_feature"])
    attached = {"id": body["id"], "feature": body["entitlement_feature"]["id"]}
    _keep(call, "product_feature", attached, _there(call, "product", product))


def _keep_subscription(call: Call, body: Json) -> None:
    customer = _there(call, "customer", _id(body["customer"]))
    items = cast("list[Json]", body["items"]["data"])
    body = {**blank(call, body["id"], customer), **body, "customer": customer, "test_clock": None}
    _keep(call, "subscription", {name: value for name, value in body.items() if name != "items"}, customer)
    for item in subscription_items.of(call.tx, body["id"]):
        call.tx.drop("subscription_item", item["id"])
    for item in items:
        _keep_price(call, item["price"])
        subscription_items.keep(call, body["id"], item)
    subscriptions.save(call, subscriptions.load(call.tx, body["id"]))
    active_entitlements.derive(call, customer)


def _keep_summary(call: Call, body: Json) -> None:
    """Let a customer hold what the summary says, whatever their subscriptions would grant."""
    customer = _there(call, "customer", body["customer"])
    for held in call.tx.all("active_entitlement", parent=customer):
        call.tx.drop("active_entitlement", held["id"])
    for entitlement in cast("list[Json]", body["entitlements"]["data"])[::-1]:
        _keep_entitlement(call, entitlement, customer)


def _keep_entitlement(call: Call, body: Json, customer: str) -> None:
    feature = body["feature"]
    if isinstance(feature, dict):
        _keep_feature(call, cast("Json", feature))
    body = {**body, "feature": _there(call, "feature", _id(feature))}
    for held in call.tx.all("active_entitlement", parent=customer):
        if held["feature"] == body["feature"]:
            call.tx.drop("active_entitlement", held["id"])
    _keep(call, "active_entitlement", body, _there(call, "customer", customer))


def _keep_record(call: Call, body: Json) -> None:
    _keep(call, "payment_record", _complete(body))


def _keep_attempt(call: Call, body: Json) -> None:
    """Keep an attempt, and the record it is the latest of if that isn't there."""
    body = _complete(body)
    record = body["payment_record"]
    if call.tx.get("payment_record", record) is None:
        own = {name: value for name, value in body.items() if name != "payment_record"}
        latest = {"id": record, "object": "payment_record", "latest_payment_attempt_record": body["id"]}
        _keep(call, "payment_record", {**own, **latest})
    _keep(call, "payment_attempt_record", body, record)


def _complete(body: Json) -> Json:
    """Add what older samples haven't got."""
    newer = {"application": None, "reported_by": "self"}
    result = {**newer, "amount": body["amount_requested"], "amount_authorized": body["amount_guaranteed"], **body}
    return {**{name: result[name] for name in payments.AMOUNTS}, **result}


def _keep_run(call: Call, body: Json) -> None:
    file = body.get("file")
    if isinstance(file, dict):
        _keep_file(call, cast("Json", file))
    _keep(call, "scheduled_query_run", {"error": None, **body, "file": None if file is None else _id(file)})


def _keep_file(call: Call, body: Json) -> None:
    blank_file = {"expires_at": None, "filename": None, "links": None, "title": None, "type": None}
    _keep(call, "file", {**blank_file, **body})


def _keep_event(call: Call, body: Json) -> None:
    _keep(call, "event", {**body, "created": int(body["created"]), "type": str(body["type"])})


_Keeper: TypeAlias = "Callable[[Call, Json], None]"
_KEEPERS: Mapping[str, _Keeper] = {
    "customer": _keep_customer,
    "product": _keep_product,
    "price": _keep_price,
    "entitlements.feature": _keep_feature,
    "subscription": _keep_subscription,
    "entitlements.active_entitlement_summary": _keep_summary,
    "payment_record": _keep_record,
    "payment_attempt_record": _keep_attempt,
    "scheduled_query_run": _keep_run,
    "file": _keep_file,
    "event": _keep_event,
}
