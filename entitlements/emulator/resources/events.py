"""The event list: what happened in the last thirty days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.events import delivered, undelivered
from entitlements.emulator.store import Cursor, Filter
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, bounds, page
from entitlements.emulator.wire.params import Flag, Items, Range, Text
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES"]

_REACH = 30 * 86_400
_LIST: Spec = {
    **PAGE,
    "created": Range(),
    "delivery_success": Flag(),
    "type": Text(),
    "types": Items(Text(), most=20),
}


def retrieve(call: Call) -> Json:
    event = call.tx.get("event", call.ids["id"])
    if event is None or not call.tx.page("event", [Filter("id = ?", (event["id"],)), _reached(call)], Cursor(), 1)[0]:
        raise no_such("event", call.ids["id"])
    return _rendered(call, event)


def _reached(call: Call) -> Filter:
    """Select the last thirty days; a test clock may have lived longer ago."""
    return Filter("(json_extract(body, '$.created') >= ? OR clock IS NOT NULL)", (call.now - _REACH,))


def _rendered(call: Call, event: Json) -> Json:
    return {**event, "pending_webhooks": undelivered(call, event)}


def list_events(call: Call) -> Json:
    if "type" in call.params and "types" in call.params:
        raise invalid("Received both type and types parameters. Please pass in only one.")
    filters = [_reached(call), *bounds("created", call.params.get("created"))]
    filters += _of_types(call.params["types"]) if "types" in call.params else []
    if "type" in call.params:
        filters.append(Filter("json_extract(body, '$.type') GLOB ?", (_literal(call.params["type"]),)))
    if "delivery_success" in call.params:
        filters.append(delivered(call.params["delivery_success"]))
    return page(call, "event", "event", lambda event: _rendered(call, event), filters)


def _of_types(types: list[str]) -> list[Filter]:
    return [Filter(f"json_extract(body, '$.type') IN ({', '.join('?' * len(types))})", tuple(types))]


def _literal(pattern: str) -> str:
    """Leave `*` its meaning, and take it from GLOB's other signs."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


ROUTES = (
    Route("GET", "/v1/events", list_events, _LIST),
    Route("GET", "/v1/events/{id}", retrieve),
)
