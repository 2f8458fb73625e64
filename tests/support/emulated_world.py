"""A world that the emulator keeps, for the contract of sources that read from Stripe over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.emulator import StripeEmulator
    from entitlements.sources.contract import Source
    from entitlements.testing import FaultProxy

__all__ = ["EmulatedWorld"]


class EmulatedWorld:
    """A source that asks the emulator through a fault proxy; what a customer holds, it bought.

    `break_it` is how it fails.
    """

    def __init__(
        self, stripe: StripeEmulator, proxy: FaultProxy, source: Source, break_it: Callable[[], object]
    ) -> None:
        self.source = source
        self._stripe = stripe
        self._proxy = proxy
        self._break = break_it
        self._features: set[str] = set()
        self._subscriptions: dict[str, str | None] = {}

    def hold(self, customer: str, *features: str) -> None:
        if customer not in self._subscriptions:
            self._stripe.customer(customer)
        elif (subscription := self._subscriptions[customer]) is not None:
            self._stripe.cancel(subscription)
        self._subscriptions[customer] = self._stripe.subscribe(customer, self._price(features)) if features else None

    def _price(self, features: tuple[str, ...]) -> str:
        for feature in sorted({*features} - self._features):
            self._stripe.feature(feature)
        self._features |= {*features}
        product = self._stripe.request("POST", "/v1/products", name="Everything asked for")["id"]
        for feature in features:
            self._stripe.attach(product, feature)
        monthly = {"interval": "month"}
        return str(
            self._stripe.request(
                "POST", "/v1/prices", product=product, currency="usd", unit_amount=1, recurring=monthly
            )["id"]
        )

    def fail(self) -> None:
        self._break()

    def hang(self) -> None:
        self._proxy.black_hole()

    def heal(self) -> None:
        self._proxy.heal()
        self._stripe.faults.clear()
