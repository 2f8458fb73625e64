"""Stripe's objects as frozen values, one module for each family."""

from __future__ import annotations

from entitlements.stripe.objects.active_entitlement import ActiveEntitlement
from entitlements.stripe.objects.base import StripeObject
from entitlements.stripe.objects.customer import Customer
from entitlements.stripe.objects.event import Event, EventData
from entitlements.stripe.objects.feature import Feature
from entitlements.stripe.objects.metadata import Metadata
from entitlements.stripe.objects.product import Product
from entitlements.stripe.objects.product_feature import DetachedProductFeature, ProductFeature
from entitlements.stripe.objects.subscription import (
    PauseCollection,
    Price,
    Subscription,
    SubscriptionItem,
    SubscriptionItems,
    SubscriptionStatus,
)

__all__ = [
    "ActiveEntitlement",
    "Customer",
    "DetachedProductFeature",
    "Event",
    "EventData",
    "Feature",
    "Metadata",
    "PauseCollection",
    "Price",
    "Product",
    "ProductFeature",
    "StripeObject",
    "Subscription",
    "SubscriptionItem",
    "SubscriptionItems",
    "SubscriptionStatus",
]
