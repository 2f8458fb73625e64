"""What time does to subscriptions: renewal, the end of a trial, a cancellation that was put off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from entitlements.emulator import events, lifecycle
from entitlements.emulator.resources import active_entitlements, subscription_items, subscriptions

if TYPE_CHECKING:
    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.routes import Call

__all__ = ["settle"]


def settle(call: Call) -> bool:
    """Let the next thing happen whose moment has come; say whether there was one."""
    due = call.tx.due(call.now)
    if due is None:
        return False
    call = replace(call, tx=call.tx.of(due.account))
    subscription = subscriptions.load(call.tx, due.id)
    ends = [item["current_period_end"] for item in subscription_items.of(call.tx, subscription["id"])]
    turn = lifecycle.next_turn(subscription, ends)
    assert turn is not None, "only what has a next turn is ever due"  # noqa: S101 - narrows the type
    _take(replace(call, now=turn.at), subscription, turn)
    return True


def _take(call: Call, subscription: Json, turn: lifecycle.Turn) -> None:
    """Take one turn, at its own moment: a clock moved by a year passes through every renewal on the way."""
    if turn.does == "cancel":
        subscriptions.end(call, subscription)
    elif turn.does == "end_trial":
        _end_trial(call, subscription)
    else:
        _continue(call, subscription, subscription)
    active_entitlements.refresh(call, subscription["customer"])


def _end_trial(call: Call, subscription: Json) -> None:
    status = lifecycle.after_trial(subscription)
    if status == "canceled":
        subscriptions.end(call, subscription)
    else:
        _continue(call, subscription, {**subscription, "status": status})


def _continue(call: Call, subscription: Json, changed: Json) -> None:
    before = subscriptions.rendered(call.tx, subscription)
    if changed["status"] != "paused":
        subscription_items.renew(call, changed)
    after = subscriptions.save(call, changed)
    events.emit_update(call, "customer.subscription.updated", before, after)
    if after["status"] == "paused":
        events.emit(call, "customer.subscription.paused", after)
