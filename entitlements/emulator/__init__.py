"""A local, stateful Stripe, as far as entitlements need one; it stands by itself and signs with its own code."""

from entitlements.emulator.catalog import CatalogError
from entitlements.emulator.clock import Clock
from entitlements.emulator.deliveries import Attempt, Delivery
from entitlements.emulator.emulator import DEFAULT_KEY, LiveKeyError, StripeEmulator
from entitlements.emulator.faults import Fault, Faults
from entitlements.emulator.foreground import serve
from entitlements.emulator.journal import Served
from entitlements.emulator.lifecycle import Rules
from entitlements.emulator.limits import Limits
from entitlements.emulator.profile import REALISTIC, Profile
from entitlements.emulator.store import StoreError
from entitlements.emulator.webhook_faults import WebhookFault, WebhookFaults
from entitlements.emulator.wire.errors import ApiError

__all__ = [
    "DEFAULT_KEY",
    "REALISTIC",
    "ApiError",
    "Attempt",
    "CatalogError",
    "Clock",
    "Delivery",
    "Fault",
    "Faults",
    "Limits",
    "LiveKeyError",
    "Profile",
    "Rules",
    "Served",
    "StoreError",
    "StripeEmulator",
    "WebhookFault",
    "WebhookFaults",
    "serve",
]
