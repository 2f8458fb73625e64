"""A feature: what a product can grant."""

from __future__ import annotations

from typing import Literal

from entitlements.stripe.objects.base import Id, StripeObject
from entitlements.stripe.objects.metadata import Metadata, MetadataField

__all__ = ["Feature"]


class Feature(StripeObject):
    """`entitlements.feature`. An archived one is not `active`; whoever holds it keeps it."""

    id: Id
    object: Literal["entitlements.feature"]
    active: bool
    livemode: bool
    lookup_key: Id
    metadata: MetadataField = Metadata()
    name: str
