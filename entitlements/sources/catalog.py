"""Read the catalogue from Stripe: every feature, and every active product with what it includes."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from entitlements.catalog import Contents
from entitlements.decision import Offer
from entitlements.errors import StripeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.stripe.budget import Lanes
    from entitlements.stripe.client import Stripe

__all__ = ["read_catalog"]

T = TypeVar("T")

_PATIENCE: Final = 60.0  # seconds to wait for a turn among the customers' requests


def read_catalog(stripe: Stripe, rate: Lanes) -> Contents:
    """Read features and products, one list a product, within the rate budget.

    Raises:
        StripeError: a list couldn't be read; a part of a catalogue is none.
    """

    def paced(read: Callable[[], T]) -> T:
        turn = rate.reserve(_PATIENCE)
        if turn is None:
            raise StripeError("customers take every request that the budget allows; the catalogue has to wait")
        time.sleep(turn)
        return read()

    current = paced(lambda: stripe.features.list(archived=False))
    archived = paced(lambda: stripe.features.list(archived=True))
    offers: dict[str, list[Offer]] = {}
    for product in paced(lambda: stripe.products.list(active=True)):
        offer = Offer(product.id, product.name)
        for included in paced(partial(stripe.product_features.list, product.id)):
            offers.setdefault(included.entitlement_feature.lookup_key, []).append(offer)
    return Contents.of(offers, also=[feature.lookup_key for feature in (*current, *archived)])
