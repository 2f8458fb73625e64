"""The wire: what Stripe's API is.

`Stripe` is the client, its errors stand below `entitlements.StripeError`, and its objects are frozen values. Each name
is loaded when it is first used, so that importing this costs neither `requests` nor `pydantic`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from entitlements.stripe.client import Stripe
    from entitlements.stripe.errors import (
        AuthenticationFailed,
        IdempotencyConflict,
        InvalidRequest,
        MalformedReply,
        PermissionDenied,
        RateLimited,
        ResourceMissing,
        StripeConnectionError,
        StripeError,
        StripeServerError,
        StripeTimeout,
        StripeTLSError,
    )
    from entitlements.stripe.objects import (
        ActiveEntitlement,
        Event,
        Feature,
        Product,
        ProductFeature,
        Subscription,
        SubscriptionItem,
        SubscriptionStatus,
    )
    from entitlements.stripe.pages import Listing
    from entitlements.stripe.resources.events import EventPage

__all__ = [
    "ActiveEntitlement",
    "AuthenticationFailed",
    "Event",
    "EventPage",
    "Feature",
    "IdempotencyConflict",
    "InvalidRequest",
    "Listing",
    "MalformedReply",
    "PermissionDenied",
    "Product",
    "ProductFeature",
    "RateLimited",
    "ResourceMissing",
    "Stripe",
    "StripeConnectionError",
    "StripeError",
    "StripeServerError",
    "StripeTLSError",
    "StripeTimeout",
    "Subscription",
    "SubscriptionItem",
    "SubscriptionStatus",
]

_HOMES: Final = {
    "Stripe": "client",
    "Listing": "pages",
    "EventPage": "resources.events",
    **dict.fromkeys(
        [
            "ActiveEntitlement",
            "Event",
            "Feature",
            "Product",
            "ProductFeature",
            "Subscription",
            "SubscriptionItem",
            "SubscriptionStatus",
        ],
        "objects",
    ),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
