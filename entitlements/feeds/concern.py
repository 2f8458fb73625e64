"""Whose access an event may have changed: one rule for the events that are delivered and those that are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from entitlements.stripe.ids import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ABOUT_ACCESS", "UnreadableEventError", "customer_of"]

_SUBSCRIPTION: Final = "customer.subscription."
_CUSTOMER_ITSELF: Final = frozenset({"customer.created", "customer.deleted"})
_SUMMARY: Final = "entitlements.active_entitlement_summary.updated"
_LONGEST_ID: Final = 255  # Stripe's own

# A pause and the end of a trial change who may do what by many a merchant's rule, and send no summary.
ABOUT_ACCESS: Final = (
    _SUMMARY,
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.trial_will_end",
    "customer.created",
    "customer.deleted",
)


class UnreadableEventError(ValueError):
    """An event that should name a customer doesn't; its text says what it lacks."""


def customer_of(kind: str, about: object) -> str | None:
    """Find the customer whose access an event of some type may have changed, by its `data.object`.

    Returns:
        The customer's id; `None` if the event concerns nobody who could be asked about.

    Raises:
        UnreadableEventError: the type is one that concerns somebody, and it doesn't say whom.

    >>> customer_of("customer.deleted", {"id": "cus_1"})
    'cus_1'
    >>> customer_of("product.updated", {"id": "prod_1"}) is None
    True
    """
    if kind in _CUSTOMER_ITSELF:
        return _id(_object(about).get("id"), kind)
    if kind != _SUMMARY and not kind.startswith(_SUBSCRIPTION):
        return None
    concerned = _object(about)
    if concerned.get("customer") is None and isinstance(concerned.get("customer_account"), str):
        return None  # billed to an account rather than a customer: nobody we could have been asked about
    return _id(concerned.get("customer"), kind)


def _object(about: object) -> Mapping[str, object]:
    if not isinstance(about, dict):
        raise UnreadableEventError("the event has no data.object")
    return cast("Mapping[str, object]", about)


def _id(value: object, kind: str) -> str:
    if isinstance(value, dict):  # expanded, as some API versions send it
        value = cast("Mapping[str, object]", value).get("id")
    if not isinstance(value, str) or not value or len(value) > _LONGEST_ID:
        raise UnreadableEventError(f"the event {shown(kind)} names no customer")
    return value
