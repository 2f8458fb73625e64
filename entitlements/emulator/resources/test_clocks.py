"""Test clocks: a time of their own for some customers, moved on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import events, lifecycle
from entitlements.emulator.ids import new_id
from entitlements.emulator.periods import period_end
from entitlements.emulator.resources import customers, prices, subscription_items
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, page
from entitlements.emulator.wire.params import Moment, Text
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entitlements.emulator.store import Json, Transaction

__all__ = ["ROUTES", "arrive", "load", "remove", "target"]

_KIND = "test_clock"
_OBJECT = "test_helpers.test_clock"
_LIFE = 30 * 86_400
_FURTHEST = 2 * 365 * 86_400  # where no subscription bounds it


def create(call: Call) -> Json:
    clock: Json = {
        "id": new_id("clock_1", 23),
        "object": _OBJECT,
        "created": call.now,
        "deletes_after": call.now + _LIFE,
        "frozen_time": call.params["frozen_time"],
        "livemode": False,
        "name": call.params.get("name"),
        "status": "ready",
        "status_details": {},
    }
    call.tx.add(_KIND, clock, due=clock["deletes_after"])
    if "customer" in call.params:
        _attach(call, clock, call.params["customer"])
    events.emit(call, f"{_OBJECT}.created", clock)
    return clock


def _attach(call: Call, clock: Json, customer_id: str) -> None:
    customer = call.tx.get("customer", customer_id)
    if customer is None or customer.get("deleted"):
        raise no_such("customer", customer_id, "customer")
    if customer["test_clock"] is not None or call.tx.all("subscription", parent=customer_id):
        message = f"The customer '{customer_id}' has a test clock or subscriptions already, and can't be given a clock."
        raise invalid(message, "customer")
    call.tx.put("customer", {**customer, "test_clock": clock["id"]})
    call.tx.place("customer", customer_id, clock["id"])


def load(tx: Transaction, clock_id: str) -> Json:
    """Fetch a test clock."""
    clock = tx.get(_KIND, clock_id)
    if clock is None:
        raise no_such(_KIND, clock_id)
    return clock


def retrieve(call: Call) -> Json:
    return load(call.tx, call.ids["test_clock"])


def list_clocks(call: Call) -> Json:
    return page(call, _KIND, _KIND, dict)


def advance(call: Call) -> Json:
    clock, wanted = load(call.tx, call.ids["test_clock"]), call.params["frozen_time"]
    if wanted <= clock["frozen_time"]:
        message = f"A test clock only goes forward: it stands at {clock['frozen_time']}, and {wanted} isn't after that."
        raise invalid(message, "frozen_time")
    furthest = min(_reach(call, clock), default=clock["frozen_time"] + _FURTHEST)
    if wanted > furthest:
        message = f"A test clock can be advanced by two intervals of its shortest subscription, to {furthest} at most."
        raise invalid(message, "frozen_time")
    details = {"advancing": {"target_frozen_time": wanted}}
    moving = call.tx.put(_KIND, {**clock, "status": "advancing", "status_details": details}, due=0)
    events.emit(call, f"{_OBJECT}.advancing", moving)
    return moving


def _reach(call: Call, clock: Json) -> Iterator[int]:
    """Say how far each subscription lets the clock go: two of its intervals."""
    now = clock["frozen_time"]
    for customer in _customers(call, clock):
        for subscription in call.tx.all("subscription", parent=customer["id"]):
            if subscription["status"] not in lifecycle.ENDED:
                for item in subscription_items.of(call.tx, subscription["id"]):
                    recurring = prices.load(call.tx, item["price"])["recurring"]
                    yield period_end(now, now, recurring["interval"], recurring["interval_count"] * 2)[1]


def _customers(call: Call, clock: Json) -> list[Json]:
    return [customer for customer in call.tx.all("customer") if customer.get("test_clock") == clock["id"]]


def target(clock: Json) -> int | None:
    """Say where a clock is going, if it is."""
    return clock["status_details"]["advancing"]["target_frozen_time"] if clock["status"] == "advancing" else None


def arrive(call: Call, clock: Json, at: int) -> None:
    """Let a clock that has passed through everything on its way stand still again."""
    arrived: Json = {**clock, "frozen_time": at, "status": "ready", "status_details": {}}
    call.tx.put(_KIND, arrived, due=clock["deletes_after"])
    events.emit(call, f"{_OBJECT}.ready", arrived)


def delete(call: Call) -> Json:
    clock = load(call.tx, call.ids["test_clock"])
    remove(call, clock)
    return {"id": clock["id"], "object": _OBJECT, "deleted": True}


def remove(call: Call, clock: Json) -> None:
    """Delete a clock and the customers that live in its time."""
    for customer in _customers(call, clock):
        customers.remove(call, customer)
    call.tx.drop(_KIND, clock["id"])
    events.emit(call, f"{_OBJECT}.deleted", clock)


ROUTES = (
    Route(
        "POST",
        "/v1/test_helpers/test_clocks",
        create,
        {"customer": Text(), "frozen_time": Moment(required=True), "name": Text(300)},
    ),
    Route("GET", "/v1/test_helpers/test_clocks", list_clocks, PAGE),
    Route("GET", "/v1/test_helpers/test_clocks/{test_clock}", retrieve),
    Route("DELETE", "/v1/test_helpers/test_clocks/{test_clock}", delete, expands=False),
    Route(
        "POST",
        "/v1/test_helpers/test_clocks/{test_clock}/advance",
        advance,
        {"frozen_time": Moment(required=True)},
    ),
)
