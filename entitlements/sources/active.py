"""The authority: Stripe's own list of what a customer holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.sources.contract import Holding
from entitlements.stripe.errors import ResourceMissing

if TYPE_CHECKING:
    from entitlements.clocks import Deadline
    from entitlements.stripe.client import Stripe

__all__ = ["ActiveEntitlements"]


class ActiveEntitlements:
    """A source that reads a customer's active entitlements, every page of them."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        try:
            held = self._stripe.active_entitlements.list(customer, deadline=deadline)
        except ResourceMissing as missing:
            if missing.param != "customer":  # something else is missing: that says nothing about the customer
                raise
            return Holding(frozenset(), known=False, request_id=missing.request_id)
        return Holding(frozenset(each.lookup_key for each in held), request_id=held.request_id)
