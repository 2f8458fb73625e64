"""What the emulator serves: one module for each resource, and here the table of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.resources import (
    active_entitlements,
    customers,
    events,
    features,
    files,
    pausing,
    payment_attempt_records,
    payment_records,
    prices,
    product_features,
    products,
    scheduled_query_runs,
    subscription_lists,
    subscriptions,
    test_clocks,
    webhook_endpoints,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entitlements.emulator.wire.expand import Loader

__all__ = ["LOADERS", "ROUTES"]

_ROOMS = (
    customers,
    products,
    product_features,
    prices,
    features,
    subscriptions,
    subscription_lists,
    pausing,
    test_clocks,
    active_entitlements,
    payment_records,
    payment_attempt_records,
    scheduled_query_runs,
    files,
    events,
    webhook_endpoints,
)
ROUTES = tuple(route for room in _ROOMS for route in room.ROUTES)

# What can be expanded, by object type and field; None where the emulator's objects hold nothing to expand.
LOADERS: Mapping[tuple[str, str], Loader | None] = {
    ("entitlements.active_entitlement", "feature"): features.load,
    ("price", "product"): products.load,
    ("plan", "product"): products.load,
    ("product", "default_price"): prices.load,
    ("product", "tax_code"): None,
    ("customer", "default_source"): None,
    ("customer", "test_clock"): test_clocks.load,
    ("subscription", "customer"): customers.load,
    ("subscription", "test_clock"): test_clocks.load,
    **{
        ("subscription", field): None
        for field in (
            "application",
            "default_payment_method",
            "default_source",
            "latest_invoice",
            "on_behalf_of",
            "pending_setup_intent",
            "schedule",
        )
    },
}
