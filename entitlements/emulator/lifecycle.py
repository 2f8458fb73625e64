"""The rules of entitlements and of subscriptions in time, as pure functions.

A subscription item remembers the features its product had when its period began (or when its subscription's items
were last changed): that is why a feature attached later doesn't reach those who already subscribe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from entitlements.emulator.store import Json

__all__ = ["ENDED", "STATUSES", "Change", "Rules", "Source", "Turn", "after_trial", "changes", "entitled", "next_turn"]

STATUSES = ("active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid")
ENDED = frozenset({"canceled", "incomplete_expired"})


@dataclass(frozen=True, slots=True)
class Rules:
    """Choose what Stripe leaves open.

    Attributes:
        granting: the statuses in which a subscription entitles; Stripe is silent on `unpaid` and `paused`.
        catalog_at_once: let a feature attached or detached reach existing subscribers at once, instead of when their
            next period begins.

    >>> "unpaid" in Rules().granting, "unpaid" in Rules(granting=frozenset({"active", "trialing"})).granting
    (True, False)
    """

    granting: frozenset[str] = frozenset({"trialing", "active", "past_due", "unpaid", "paused"})
    catalog_at_once: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What one subscription item would entitle to, and whether its subscription's status lets it."""

    status: str
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The features a customer gains and loses."""

    gained: tuple[str, ...]
    lost: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost)


def entitled(sources: Iterable[Source], rules: Rules) -> tuple[str, ...]:
    """List the features a customer is entitled to, each once however many sources grant it.

    >>> entitled([Source("active", ("a", "b")), Source("trialing", ("b",)), Source("canceled", ("c",))], Rules())
    ('a', 'b')
    """
    return tuple(
        dict.fromkeys(feature for source in sources if source.status in rules.granting for feature in source.features)
    )


def changes(held: Iterable[str], wanted: Iterable[str]) -> Change:
    """Compare what a customer holds with what is due to them; what is in both keeps its entitlement.

    >>> changes(["a", "b"], ["b", "c"])
    Change(gained=('c',), lost=('a',))
    """
    held, wanted = dict.fromkeys(held), dict.fromkeys(wanted)
    return Change(
        gained=tuple(feature for feature in wanted if feature not in held),
        lost=tuple(feature for feature in held if feature not in wanted),
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """What time does to a subscription next, and when."""

    at: int
    does: Literal["renew", "cancel", "end_trial"]


def next_turn(subscription: Json, item_ends: Iterable[int]) -> Turn | None:
    """Say what happens next to a subscription if nobody touches it.

    >>> next_turn({"status": "active", "cancel_at": None, "trial_end": None}, [200, 100])
    Turn(at=100, does='renew')
    """
    if subscription["status"] not in {"active", "trialing", "past_due", "unpaid"}:
        return None
    turns = [Turn(end, "renew") for end in item_ends if subscription["status"] != "trialing"]
    if subscription["cancel_at"] is not None:
        turns.insert(
            0, Turn(subscription["cancel_at"], "cancel")
        )  # first in line: it wins over a renewal at that moment
    if subscription["status"] == "trialing":
        turns.append(Turn(subscription["trial_end"], "end_trial"))
    return min(turns, key=lambda turn: turn.at, default=None)


def after_trial(subscription: Json) -> str:
    """Say which status a trial ends in; payment is taken to succeed unless the subscription says it is missing."""
    settings: Mapping[str, Mapping[str, str]] = subscription["trial_settings"] or {}
    missing = settings.get("end_behavior", {}).get("missing_payment_method", "create_invoice")
    return {"pause": "paused", "cancel": "canceled"}.get(missing, "active")
