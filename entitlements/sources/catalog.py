"""Read the catalogue from Stripe: every feature, and every active product with what it includes."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from entitlements.catalog import Contents
from entitlements.decision import Offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.stripe.budget import Budget
    from entitlements.stripe.client import Stripe

__all__ = ["read_catalog"]

T = TypeVar("T")

_PATIENCE: Final = 60.0  # seconds; nobody waits for the catalogue, and customers go first


def read_catalog(stripe: Stripe, rate: Budget) -> Contents:
    """Read features and products, one list a product, within the rate budget.

    Raises:
        StripeError: a list couldn't be read; a part of a catalogue is none.
    """

    def paced(read: Callable[[], T]) -> T:
        time.sleep(rate.reserve(_PATIENCE) or 0.0)
        return read()

    current = paced(lambda: stripe.features.list(archived=False))
    archived = paced(lambda: stripe.features.list(archived=True))
    offers: dict[str, list[Offer]] = {}
    for product in paced(lambda: stripe.products.list(active=True)):
        offer = Offer(product.id, product.name)
        for included in paced(partial(stripe.product_features.list, product.id)):
            offers.setdefault(included.entitlement_feature.lookup_key, []).append(offer)
    return Contents.of(offers, also=[feature.lookup_key for feature in (*current, *archived)])
