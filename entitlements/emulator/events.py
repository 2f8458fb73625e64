"""Events: written to the outbox in the transaction of the change they tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from entitlements.emulator.ids import new_id
from entitlements.emulator.store import DEFAULT_ACCOUNT, Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.routes import Call

__all__ = ["API_VERSION", "as_sent", "delivered", "difference", "emit", "emit_update", "listening", "undelivered"]

API_VERSION = "2026-10-28.endive"


def emit(call: Call, kind: str, subject: Json, previous: Json | None = None) -> Json:
    """Record an event and a delivery for every endpoint that listens for it."""
    endpoints = [endpoint["id"] for endpoint in _endpoints(call) if listening(endpoint, kind)]
    event: Json = {
        "id": new_id("evt_1", 23),
        "object": "event",
        "api_version": API_VERSION,
        "created": call.now,
        "data": {"object": subject} if previous is None else {"object": subject, "previous_attributes": previous},
        "livemode": False,
        "pending_webhooks": len(endpoints),
        "request": {"id": call.origin.request, "idempotency_key": call.origin.idempotency_key},
        "type": kind,
    }
    if call.tx.account != DEFAULT_ACCOUNT:
        event["account"] = call.tx.account
    call.tx.add("event", event, clock=call.clock)
    for endpoint in endpoints:
        call.tx.sql("INSERT INTO deliveries (event, endpoint) VALUES (?, ?)", (event["id"], endpoint))
    return event


def _endpoints(call: Call) -> Iterator[Json]:
    """List who may hear of an account's events: it, and for a connected account its platform's Connect endpoints."""
    yield from (endpoint for endpoint in call.tx.all("webhook_endpoint") if not endpoint["connect"])
    if call.tx.account != DEFAULT_ACCOUNT:
        platform = call.tx.of(DEFAULT_ACCOUNT).all("webhook_endpoint")
        yield from (endpoint for endpoint in platform if endpoint["connect"])


def as_sent(event: Json, endpoint: Json) -> Json:
    """Write an event as an endpoint gets it: in its version, and with the account if that isn't its own."""
    own = () if endpoint["connect"] else ("account",)
    kept = {name: value for name, value in event.items() if name not in own}
    return {**kept, "api_version": endpoint["api_version"] or API_VERSION}


def emit_update(call: Call, kind: str, before: Json, after: Json) -> None:
    """Record an update event, if anything is different."""
    previous = difference(before, after)
    if previous:
        emit(call, kind, after, previous)


def listening(endpoint: Json, kind: str) -> bool:
    """Say whether an endpoint wants events of a type."""
    return endpoint["status"] == "enabled" and ("*" in endpoint["enabled_events"] or kind in endpoint["enabled_events"])


def difference(before: Json, after: Json) -> Json:
    """Give the former values of what changed: part of a hash, but the whole of an array.

    >>> difference({"a": 1, "tags": [1], "m": {"x": "1", "y": "2"}}, {"a": 1, "tags": [2], "m": {"x": "1", "z": "3"}})
    {'tags': [1], 'm': {'y': '2', 'z': None}}
    """
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: _former(before.get(name), after.get(name)) for name in names}


def _former(before: object, after: object) -> object:
    return difference(before, after) if _is_hash(before) and _is_hash(after) else before


def _is_hash(value: object) -> TypeGuard[Json]:
    return isinstance(value, dict)


def undelivered(call: Call, event: Json) -> int:
    """Count the endpoints an event hasn't reached yet."""
    query = "SELECT count(*) FROM deliveries WHERE event = ? AND state != 'succeeded'"
    return int(call.tx.sql(query, (event["id"],)).fetchone()[0])


def delivered(wanted: bool) -> Filter:  # noqa: FBT001 - the value asked for, not a mode
    """Select events that reached every endpoint, or events that haven't."""
    missed = "EXISTS (SELECT 1 FROM deliveries WHERE event = objects.id AND state != 'succeeded')"
    return Filter(f"NOT {missed}" if wanted else missed)
