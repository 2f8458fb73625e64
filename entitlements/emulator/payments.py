"""The bookkeeping of reported payments, as pure functions: what an attempt's amounts are and what may follow.

An attempt has no status: its amounts tell. Of the amount requested all has failed, or all was canceled, or each part is
either guaranteed or refunded; as long as none of that is so, the attempt is open. A payment record's amounts are those
of its latest attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entitlements.emulator.store import Json

__all__ = ["AMOUNTS", "OUTCOMES", "Outcome", "State", "opened", "refunded", "settled", "state"]

Outcome: TypeAlias = Literal["canceled", "failed", "guaranteed"]
State: TypeAlias = Literal["open", "canceled", "failed", "guaranteed"]

OUTCOMES: tuple[Outcome, ...] = ("canceled", "failed", "guaranteed")
AMOUNTS = (
    "amount",
    "amount_authorized",
    "amount_canceled",
    "amount_failed",
    "amount_guaranteed",
    "amount_refunded",
    "amount_requested",
)


def opened(currency: str, value: int) -> Json:
    """Give the amounts of an attempt that has just begun."""
    return _written(currency, {"amount": value, "amount_requested": value})


def _written(currency: str, values: Mapping[str, int]) -> Json:
    return {name: {"currency": currency, "value": values.get(name, 0)} for name in AMOUNTS}


def state(amounts: Json) -> State:
    """Read an attempt's state off its amounts.

    >>> state(opened("usd", 1000)), state(settled(opened("usd", 1000), "failed"))
    ('open', 'failed')
    """
    if amounts["amount_failed"]["value"]:
        return "failed"
    if amounts["amount_canceled"]["value"]:
        return "canceled"
    return "guaranteed" if amounts["amount_guaranteed"]["value"] or amounts["amount_refunded"]["value"] else "open"


def settled(amounts: Json, outcome: Outcome) -> Json:
    """Give the amounts once an open attempt has come to its outcome.

    >>> after = settled(opened("usd", 1000), "guaranteed")
    >>> after["amount_guaranteed"]["value"], after["amount_authorized"]["value"]
    (1000, 1000)
    """
    requested = amounts["amount_requested"]
    values = {"amount": requested["value"], "amount_requested": requested["value"]}
    values[f"amount_{outcome}"] = requested["value"]
    values["amount_authorized"] = values.get("amount_guaranteed", 0)
    return _written(requested["currency"], values)


def refunded(amounts: Json, value: int) -> Json:
    """Give the amounts after a refund: it is taken from what is guaranteed.

    >>> after = refunded(settled(opened("usd", 1000), "guaranteed"), 300)
    >>> after["amount_guaranteed"]["value"], after["amount_refunded"]["value"]
    (700, 300)
    """
    values = {name: amounts[name]["value"] for name in AMOUNTS}
    values["amount_refunded"] += value
    values["amount_guaranteed"] -= value
    values["amount_authorized"] = values["amount_guaranteed"]
    return _written(amounts["amount_requested"]["currency"], values)
