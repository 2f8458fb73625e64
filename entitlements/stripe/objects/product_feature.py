"""A product feature: the link that makes a product grant a feature."""

from __future__ import annotations

from typing import Literal

from entitlements.stripe.objects.base import Id, StripeObject
from entitlements.stripe.objects.feature import Feature

__all__ = ["DetachedProductFeature", "ProductFeature"]


class ProductFeature(StripeObject):
    """`product_feature`. It names no product: the list it is in does."""

    id: Id
    object: Literal["product_feature"]
    entitlement_feature: Feature
    livemode: bool


class DetachedProductFeature(StripeObject):
    """What is left of a product feature that was detached."""

    id: Id
    object: Literal["product_feature"]
    deleted: Literal[True]
