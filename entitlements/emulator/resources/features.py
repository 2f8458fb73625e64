"""Features: what can be gated, known by a lookup key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.ids import new_id
from entitlements.emulator.store import Cursor, Filter
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, page
from entitlements.emulator.wire.params import Flag, Metadata, Text, given, merged
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES", "WHAT", "load"]

WHAT = "entitlements feature"
_KIND = "feature"
_LONGEST = 80


def create(call: Call) -> Json:
    lookup_key = call.params["lookup_key"]
    if _active_with(call, lookup_key):
        raise invalid(
            f"A feature with the lookup_key '{lookup_key}' already exists. Archive it first, or choose another key.",
            "lookup_key",
            "resource_already_exists",
        )
    feature: Json = {
        "id": new_id("feat_test_61", 22),
        "object": "entitlements.feature",
        "active": True,
        "livemode": False,
        "lookup_key": lookup_key,
        "metadata": merged({}, call.params.get("metadata")),
        "name": call.params["name"],
    }
    return call.tx.add(_KIND, feature)


def _active_with(call: Call, lookup_key: str) -> bool:
    filters = [Filter.field("lookup_key", lookup_key), Filter.field("active", 1)]
    return bool(call.tx.page(_KIND, filters, Cursor(), 1)[0])


def load(tx: Transaction, feature_id: str, param: str = "id") -> Json:
    """Fetch a feature, archived or not."""
    feature = tx.get(_KIND, feature_id)
    if feature is None:
        raise no_such(WHAT, feature_id, param)
    return feature


def retrieve(call: Call) -> Json:
    return load(call.tx, call.ids["id"])


def list_features(call: Call) -> Json:
    filters: list[Filter] = []
    if "archived" in call.params or not call.rules.archived_in_lists:
        filters.append(Filter.field("active", not call.params.get("archived", False)))
    if "lookup_key" in call.params:
        filters.append(Filter.field("lookup_key", call.params["lookup_key"]))
    return page(call, _KIND, WHAT, dict, filters)


def update(call: Call) -> Json:
    feature = load(call.tx, call.ids["id"])
    if not feature["active"]:
        raise _archived(call)
    after = {**feature, **given(call.params, ("active", "name"))}
    if "metadata" in call.params:
        after["metadata"] = merged(feature["metadata"], call.params["metadata"])
    return call.tx.put(_KIND, after)


def _archived(call: Call) -> Exception:
    if call.params.get("active"):
        return invalid("An archived feature cannot be unarchived. Create a new feature instead.", "active")
    return invalid("An archived feature cannot be edited.", next(iter(call.params), None))


_WRITE: Spec = {"name": Text(_LONGEST), "metadata": Metadata()}
_LIST: Spec = {**PAGE, "archived": Flag(), "lookup_key": Text(_LONGEST)}
_CREATE: Spec = {**_WRITE, "lookup_key": Text(_LONGEST, required=True), "name": Text(_LONGEST, required=True)}

ROUTES = (
    Route("GET", "/v1/entitlements/features", list_features, _LIST),
    Route("POST", "/v1/entitlements/features", create, _CREATE),
    Route("GET", "/v1/entitlements/features/{id}", retrieve),
    Route("POST", "/v1/entitlements/features/{id}", update, {**_WRITE, "active": Flag()}),
)
