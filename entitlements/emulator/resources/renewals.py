"""What time does: renewals, the end of a trial, a cancellation that was put off, a test clock on its way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from entitlements.emulator import events, lifecycle
from entitlements.emulator.resources import (
    active_entitlements,
    customers,
    subscription_items,
    subscriptions,
    test_clocks,
)

if TYPE_CHECKING:
    from entitlements.emulator.store import Due, Json
    from entitlements.emulator.wire.routes import Call

__all__ = ["settle"]


def settle(call: Call) -> bool:
    """Let the next thing happen whose moment has come; say whether there was one."""
    due = call.tx.due(call.now)
    if due is None:
        return False
    call = replace(call, tx=call.tx.of(due.account))
    if due.kind == "test_clock":
        _move_clock(call, test_clocks.load(call.tx, due.id))
    else:
        _take_turn(call, due)
    return True


def _move_clock(call: Call, clock: Json) -> None:
    """Bring a test clock one turn of its subscriptions nearer to where it is told to be."""
    target = test_clocks.target(clock)
    due = None if target is None else call.tx.due(target, clock["id"])
    if target is None:
        test_clocks.remove(call, clock)
    elif due is None:
        test_clocks.arrive(call, clock, target)
    else:
        _take_turn(replace(call, clock=clock["id"]), due)


def _take_turn(call: Call, due: Due) -> None:
    """Take one turn, at its own moment: a clock moved by a year passes through every renewal on the way."""
    subscription = subscriptions.load(call.tx, due.id)
    ends = [item["current_period_end"] for item in subscription_items.of(call.tx, subscription["id"])]
    turn = lifecycle.next_turn(subscription, ends, due.at - 1)
    assert turn is not None, "only what has a next turn is ever due"  # noqa: S101 - narrows the type
    _take(replace(call, now=turn.at), subscription, turn)


def _take(call: Call, subscription: Json, turn: lifecycle.Turn) -> None:
    match turn.does:
        case "cancel":
            subscriptions.end(call, subscription)
        case "expire":
            _continue(call, subscription, {**subscription, "status": "incomplete_expired", "ended_at": call.now})
        case "warn":
            events.emit(call, "customer.subscription.trial_will_end", subscriptions.save(call, subscription))
        case "end_trial":
            _end_trial(call, subscription)
        case "collect":
            _continue(call, subscription, {**subscription, "pause_collection": None})
        case "renew":
            _continue(call, subscription, subscription)
    active_entitlements.refresh(call, subscription["customer"])


def _end_trial(call: Call, subscription: Json) -> None:
    status = lifecycle.after_trial(subscription, customers.load(call.tx, subscription["customer"]))
    if status == "canceled":
        subscriptions.end(call, subscription)
    elif status == "paused":
        subscriptions.pause(call, subscription, "trial_end_without_payment_method")
    else:
        _continue(call, subscription, {**subscription, "status": status})


def _continue(call: Call, subscription: Json, changed: Json) -> None:
    before = subscriptions.rendered(call.tx, subscription)
    if changed["status"] in lifecycle.RUNNING:
        subscription_items.renew(call, changed)
    events.emit_update(call, "customer.subscription.updated", before, subscriptions.save(call, changed))
