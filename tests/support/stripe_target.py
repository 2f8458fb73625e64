"""The API a test drives: the emulator, or Stripe's own test mode; and a world of objects made through it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from entitlements.emulator import StripeEmulator

__all__ = ["PAID", "Target", "World"]


def _comes_true(condition: Callable[[], bool], patience: float) -> bool:
    limit = time.monotonic() + patience
    while not condition():
        if time.monotonic() >= limit:
            return False
        time.sleep(0.5)  # between two looks at a service that is far away
    return True


PAID = {"type": "custom", "custom": {"type": "cpmt_123", "display_name": "newpay"}}


@dataclass(frozen=True)
class Target:
    """Where requests go; `emulator` is None where that is Stripe itself."""

    key: str
    addresses: Mapping[str, str]
    emulator: StripeEmulator | None

    def needs_the_emulator(self, reason: str) -> StripeEmulator:
        """Skip where Stripe itself has no such convenience."""
        if self.emulator is None:
            pytest.skip(reason)
        return self.emulator


class World:
    """Make objects through the official client, under names that no other test uses."""

    def __init__(self, client: Any, target: Target) -> None:
        self.client = client
        self.target = target

    def name(self, prefix: str = "test") -> str:
        """Make up a name."""
        return f"{prefix}_{secrets.token_hex(6)}"

    def feature(self, **params: object) -> Any:
        key = self.name("feature")
        return self.client.entitlements.features.create({"lookup_key": key, "name": key, **params})

    def product(self, *features: Any, **params: object) -> Any:
        product = self.client.products.create({"name": self.name("Product"), **params})
        for feature in features:
            self.client.products.features.create(product.id, {"entitlement_feature": feature.id})
        return product

    def price(self, product: Any = None, **params: object) -> Any:
        """Make a price that costs nothing, so that nobody has to pay."""
        of = (product or self.product()).id
        recurring = {"interval": "month"}
        free = {"product": of, "currency": "usd", "unit_amount": 0, "recurring": recurring}
        return self.client.prices.create({**free, **params})

    def customer(self, **params: object) -> Any:
        return self.client.customers.create({"name": self.name("Customer"), **params})

    def subscription(self, *features: Any, customer: Any = None, **params: object) -> Any:
        price = self.price(self.product(*features))
        buyer = (customer or self.customer()).id
        return self.client.subscriptions.create({"customer": buyer, "items": [{"price": price.id}], **params})

    def payment(self, **params: object) -> Any:
        usual = {
            "amount_requested": {"currency": "usd", "value": 1000},
            "initiated_at": int(time.time()),
            "payment_method_details": PAID,
        }
        return self.client.payment_records.report_payment({**usual, **params})

    def guaranteed(self, **params: object) -> Any:
        return self.payment(outcome="guaranteed", guaranteed={"guaranteed_at": int(time.time())}, **params)

    def listener(self) -> dict[str, object]:
        """Describe an endpoint for events that nothing here makes happen."""
        return {"url": f"https://example.com/{self.name()}", "enabled_events": ["invoice.paid"]}

    def endpoint(self) -> Any:
        return self.client.webhook_endpoints.create(self.listener())

    def tidy(self) -> None:
        """Delete what there can only be a few of."""
        for endpoint in self.client.webhook_endpoints.list({"limit": 100}).data:
            if endpoint.enabled_events == ["invoice.paid"]:
                self.client.webhook_endpoints.delete(endpoint.id)

    def held(self, customer: str) -> set[str]:
        """List the lookup keys a customer holds."""
        listed = self.client.entitlements.active_entitlements.list({"customer": customer, "limit": 100})
        return {entitlement.lookup_key for entitlement in listed.auto_paging_iter()}

    def comes_to_hold(self, customer: str, *features: Any) -> bool:
        """Wait until a customer holds just these features; Stripe's own list lags behind, the emulator's doesn't."""
        wanted = {feature.lookup_key for feature in features}
        return _comes_true(lambda: self.held(customer) == wanted, 0.0 if self.target.emulator else 30.0)

    def summaries(self, customer: str) -> list[Any]:
        """List the summary events of a customer, newest first."""
        listed = self.client.events.list({"type": "entitlements.active_entitlement_summary.updated", "limit": 100})
        return [event for event in listed.auto_paging_iter() if event.data.object["customer"] == customer]

    def advance(self, clock: Any, seconds: int) -> None:
        """Move a test clock and wait until it has arrived."""
        clocks = self.client.test_helpers.test_clocks
        now = clocks.retrieve(clock.id).frozen_time
        clocks.advance(clock.id, {"frozen_time": now + seconds})
        assert _comes_true(lambda: clocks.retrieve(clock.id).status == "ready", 60.0), f"{clock.id} never arrived"

    def clock(self, **params: object) -> Any:
        return self.client.test_helpers.test_clocks.create({"frozen_time": int(time.time()), **params})
