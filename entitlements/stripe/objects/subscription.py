"""A subscription, its items and their prices."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Strict

from entitlements.stripe.objects.base import Id, Reference, StripeObject
from entitlements.stripe.objects.metadata import Metadata, MetadataField

__all__ = ["PauseCollection", "Price", "Subscription", "SubscriptionItem", "SubscriptionItems", "SubscriptionStatus"]


class SubscriptionStatus(StrEnum):
    """The statuses known when this was written; `Subscription.status` is a plain string, and may be another."""

    ACTIVE = "active"
    CANCELED = "canceled"
    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    TRIALING = "trialing"
    UNPAID = "unpaid"


class Price(StripeObject):
    """`price`, as far as it leads to a product."""

    id: Id
    object: Literal["price"]
    active: bool
    livemode: bool
    lookup_key: str | None = None
    product: Reference


class SubscriptionItem(StripeObject):
    """`subscription_item`. Periods are the item's, not the subscription's."""

    id: Id
    object: Literal["subscription_item"]
    current_period_end: int | None = None
    current_period_start: int | None = None
    price: Price
    quantity: int | None = None


class SubscriptionItems(StripeObject):
    """The list inside a subscription: its first items, and whether there are more."""

    object: Literal["list"]
    data: Annotated[tuple[SubscriptionItem, ...], Strict(strict=False)]  # JSON has no tuples
    has_more: bool


class PauseCollection(StripeObject):
    """How invoices are dealt with while collection is paused; the status stays as it is."""

    behavior: str
    resumes_at: int | None = None


class Subscription(StripeObject):
    """`subscription`, as far as deriving what it grants needs it."""

    id: Id
    object: Literal["subscription"]
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    created: int
    customer: Reference
    ended_at: int | None = None
    items: SubscriptionItems
    livemode: bool
    metadata: MetadataField = Metadata()
    pause_collection: PauseCollection | None = None
    status: Id
    trial_end: int | None = None
