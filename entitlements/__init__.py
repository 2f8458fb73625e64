"""May this customer use this feature, now? Feature gating on Stripe Entitlements."""

from entitlements.bound import configure
from entitlements.decision import Decision, Offer, Reason, Source
from entitlements.errors import (
    EntitlementsError,
    EntitlementsUnavailable,
    FeatureRequired,
    InvalidInput,
    InvalidSettings,
    NotConfigured,
    SignatureError,
    StripeError,
    UnknownFeature,
)
from entitlements.freshness import FeatureClass, Freshness
from entitlements.gate import requires_feature
from entitlements.observed import Fetch, FetchOutcome
from entitlements.pinned import Pinned
from entitlements.resolver import Entitlements
from entitlements.settings import Limits

__all__ = [
    "Decision",
    "Entitlements",
    "EntitlementsError",
    "EntitlementsUnavailable",
    "FeatureClass",
    "FeatureRequired",
    "Fetch",
    "FetchOutcome",
    "Freshness",
    "InvalidInput",
    "InvalidSettings",
    "Limits",
    "NotConfigured",
    "Offer",
    "Pinned",
    "Reason",
    "SignatureError",
    "Source",
    "StripeError",
    "UnknownFeature",
    "configure",
    "requires_feature",
]
