"""An active entitlement: one feature a customer holds now."""

from __future__ import annotations

from typing import Literal

from entitlements.stripe.objects.base import Id, StripeObject
from entitlements.stripe.objects.feature import Feature

__all__ = ["ActiveEntitlement"]


class ActiveEntitlement(StripeObject):
    """`entitlements.active_entitlement`. It names no customer: the list was asked for one."""

    id: Id
    object: Literal["entitlements.active_entitlement"]
    feature: Id | Feature
    livemode: bool
    lookup_key: Id

    @property
    def feature_id(self) -> str:
        """Give the feature's id, whether Stripe sent the id or the whole feature."""
        return self.feature.id if isinstance(self.feature, Feature) else self.feature
