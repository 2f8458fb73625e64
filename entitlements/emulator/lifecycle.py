"""The rules of entitlements and of subscriptions in time, as pure functions.

A subscription item remembers the features its product had when its period began (or when its subscription's items
were last changed): that is why a feature attached later doesn't reach those who already subscribe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from entitlements.emulator.store import Json

__all__ = [
    "ENDED",
    "RUNNING",
    "STATUSES",
    "WARNING",
    "Change",
    "Pause",
    "Rules",
    "Source",
    "Turn",
    "after_trial",
    "changes",
    "entitled",
    "next_turn",
]

Pause: TypeAlias = Literal[
    "final_payment_failure",
    "first_payment_failure",
    "pause_requested",
    "system",
    "trial_end_without_payment_method",
]

STATUSES = ("active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid")
ENDED = frozenset({"canceled", "incomplete_expired"})
RUNNING = frozenset({"active", "past_due", "unpaid"})  # in these, one period follows the other
WARNING = 3 * 86_400  # how long before its end a trial is told to end
_FIRST_PAYMENT = 23 * 3_600  # how long a subscription waits for it


@dataclass(frozen=True, slots=True)
class Rules:
    """Choose what Stripe leaves open.

    Attributes:
        granting: the statuses in which a subscription entitles; Stripe is silent on `unpaid` and `paused`.
        catalog_at_once: let a feature attached or detached reach existing subscribers at once, instead of when their
            next period begins.
        revoking_pauses: the reasons for which a paused subscription withholds after all, such as `pause_requested`;
            Stripe keeps the entitlements of a trial that ended in `paused`, and is silent on the others.
        archived_in_lists: list archived features too where `archived` isn't given; Stripe's field text says no, and
            nobody has measured it.
        unknown_customers_hold_nothing: answer the list of a customer that doesn't exist with an empty one instead of
            an error; undocumented.
        silent_deletion: send no summary event when a customer is deleted; undocumented.
        previous_whole: name all former entitlements in a summary event's `previous_attributes`, not ten at most;
            undocumented.

    >>> "unpaid" in Rules().granting, "unpaid" in Rules(granting=frozenset({"active", "trialing"})).granting
    (True, False)
    """

    granting: frozenset[str] = frozenset({"trialing", "active", "past_due", "unpaid", "paused"})
    catalog_at_once: bool = False
    revoking_pauses: frozenset[Pause] = frozenset()
    archived_in_lists: bool = False
    unknown_customers_hold_nothing: bool = False
    silent_deletion: bool = False
    previous_whole: bool = False

    def grants(self, source: Source) -> bool:
        """Say whether a subscription in this state entitles."""
        return source.status in self.granting and source.pause not in self.revoking_pauses


@dataclass(frozen=True, slots=True)
class Source:
    """What one subscription item would entitle to, its subscription's status, and why that is paused if it is."""

    status: str
    features: tuple[str, ...]
    pause: str | None = None


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
    return tuple(dict.fromkeys(feature for source in sources if rules.grants(source) for feature in source.features))


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
    does: Literal["cancel", "expire", "warn", "end_trial", "collect", "renew"]


def next_turn(subscription: Json, item_ends: Iterable[int], after: int = 0) -> Turn | None:
    """Say what happens next to a subscription if nobody touches it, all until `after` having happened.

    >>> next_turn({"status": "active", "cancel_at": None, "trial_end": None}, [200, 100])
    Turn(at=100, does='renew')
    """
    return min(_turns(subscription, item_ends, after), key=lambda turn: turn.at, default=None)


def _turns(subscription: Json, item_ends: Iterable[int], after: int) -> Iterator[Turn]:
    """List what is to come; of two at one moment the first wins."""
    status = subscription["status"]
    if status == "incomplete":
        yield Turn(subscription["created"] + _FIRST_PAYMENT, "expire")
    if status not in RUNNING | {"trialing", "paused"}:
        return
    if subscription["cancel_at"] is not None:
        yield Turn(subscription["cancel_at"], "cancel")
    if status == "trialing":
        if subscription["trial_end"] - WARNING > after:
            yield Turn(subscription["trial_end"] - WARNING, "warn")
        yield Turn(subscription["trial_end"], "end_trial")
    collection: Json = subscription.get("pause_collection") or {}
    if collection.get("resumes_at") is not None:
        yield Turn(collection["resumes_at"], "collect")
    if status in RUNNING:
        yield from (Turn(end, "renew") for end in item_ends)


def after_trial(subscription: Json, customer: Json) -> str:
    """Say which status a trial ends in.

    Payment is taken to succeed; where no payment method is known, the trial's settings decide.
    """
    if subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]:
        return "active"
    settings: Mapping[str, Mapping[str, str]] = subscription["trial_settings"] or {}
    missing = settings.get("end_behavior", {}).get("missing_payment_method", "create_invoice")
    return {"pause": "paused", "cancel": "canceled"}.get(missing, "active")
