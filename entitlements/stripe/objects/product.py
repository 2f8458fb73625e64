"""A product: what a subscription is to."""

from __future__ import annotations

from typing import Literal

from entitlements.stripe.objects.base import Id, Reference, StripeObject
from entitlements.stripe.objects.metadata import Metadata, MetadataField

__all__ = ["Product"]


class Product(StripeObject):
    """`product`, as far as telling a person what to buy needs it."""

    id: Id
    object: Literal["product"]
    active: bool
    default_price: Reference | None = None
    description: str | None = None
    livemode: bool
    metadata: MetadataField = Metadata()
    name: str
    url: str | None = None
