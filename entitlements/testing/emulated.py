"""A Stripe for one test: the emulator, with customers and products made as they are named, and webhooks by hand."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from entitlements.emulator import ApiError, StripeEmulator
from entitlements.emulator.signing import signature
from entitlements.resolver import Entitlements
from entitlements.settings import Limits
from entitlements.stripe.ids import shown
from entitlements.testing.environment import without_stripe_s_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Self

__all__ = ["EmulatedStripe", "Webhook"]

_SECRET: Final = "whsec_emulated"  # noqa: S105 - of an emulator, for everybody to know
_PAGE: Final = 100
_PRICE: Final = 1_000
# No test waits for its turn; and where the machine is busy with other tests, an answer may take its time.
_PATIENT: Final = Limits(requests_per_second=1_000, deadline=5.0)


class Webhook(NamedTuple):
    """One of Stripe's events as an endpoint gets it: the body, and what stands in the `Stripe-Signature` header."""

    payload: bytes
    signature: str


class EmulatedStripe:
    """Run a Stripe on loopback that a test buys from in one line.

    It is what the fixture `stripe_emulator` gives. A customer, a product or a feature is made when it is first named.
    Instances made by `entitlements()` get every webhook in this process, before the call that caused it returns.

    Args:
        catalog: features and products to start from: a TOML file's path, or a dict.

    Attributes:
        emulator: the `StripeEmulator`, for its faults and whatever else it can do.
        webhook_secret: what its webhooks are signed with.

    Raises:
        CatalogError: the catalogue breaks a rule.

    >>> with EmulatedStripe() as stripe:
    ...     ents = stripe.entitlements()
    ...     _ = stripe.subscribe("cus_1", "pro", features=["exports"])
    ...     bought = ents.has_feature("cus_1", "exports")
    ...     stripe.cancel("cus_1")
    ...     bought, ents.has_feature("cus_1", "exports")
    (True, False)
    """

    def __init__(self, catalog: str | Path | Mapping[str, object] | None = None) -> None:
        self.emulator: Final = StripeEmulator(catalog=catalog)
        self.webhook_secret: Final = _SECRET
        self._taken = _Events(self.emulator)
        self._made: list[tuple[Entitlements, _Events | None]] = []

    def __enter__(self) -> Self:
        self.emulator.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for ents, _ in self._made:
            ents.close()
        self.emulator.stop()

    @property
    def url(self) -> str:
        """Give the address to point a client at."""
        return self.emulator.url

    @property
    def api_key(self) -> str:
        """Give a key that it takes."""
        return self.emulator.api_key

    @property
    def environ(self) -> dict[str, str]:
        """Give the variables that point an application here."""
        return {
            "STRIPE_API_BASE": self.url,
            "STRIPE_API_KEY": self.api_key,
            "STRIPE_WEBHOOK_SECRET": self.webhook_secret,
        }

    def entitlements(self, *, webhooks: bool = True, **settings: Any) -> Entitlements:  # noqa: ANN401 - whatever an `Entitlements` takes
        """Make an instance that asks this Stripe; it is closed together with it.

        The environment isn't read. The rate budget is large, so that no test waits for its turn, and the deadline is
        5 s, for machines that are busy with other tests.

        Args:
            webhooks: bring it every webhook at once; without, a change is known when the test says so.
            settings: what else an `Entitlements` takes, as `freshness`.

        Raises:
            InvalidSettings: a setting that can't be right.

        >>> with EmulatedStripe({"features": {"sso": "Sign-on"}}) as stripe:
        ...     stripe.entitlements().has_feature("cus_1", "sso")
        False
        """
        given: dict[str, Any] = {"webhook_secrets": [self.webhook_secret], "limits": _PATIENT, **settings}
        with without_stripe_s_variables():
            ents = Entitlements(self.api_key, api_base=self.url, **given)
        events = _Events(self.emulator) if webhooks else None
        if events is not None:
            events.new()  # what happened before, it will see
        self._made.append((ents, events))
        return ents

    # --- what customers do -------------------------------------------------------------------------------------------

    def subscribe(self, customer: str, product: str, *, features: Iterable[str] = (), **fields: object) -> str:
        """Subscribe a customer to a product; return the subscription's id.

        Args:
            customer: an id; made, if there is no such customer.
            product: by its id, or as a catalogue names it: `pro` for `prod_pro`.
            features: what the product includes. It is made with these, or gets those that it lacks.
            fields: of the subscription, as `trial_period_days`.

        Raises:
            LookupError: there is no such product, and `features` doesn't say what it would include.
            ApiError: Stripe would refuse the request.

        >>> with EmulatedStripe() as stripe:
        ...     _ = stripe.subscribe("cus_1", "pro", features=["exports"], trial_period_days=7)
        ...     stripe.emulator.entitlements("cus_1")
        ('exports',)
        """
        wanted = list(features)
        if wanted:
            self._sell(product, wanted)
        if not self._is_there(f"/v1/customers/{customer}"):
            self.emulator.customer(customer)
        subscription = self.emulator.subscribe(customer, product, **fields)
        self.deliver()
        return subscription

    def cancel(self, customer_or_subscription: str) -> None:
        """Cancel a subscription now, or all that a customer has.

        Raises:
            LookupError: the customer has none.
            ApiError: there is no such subscription, or it was cancelled.

        >>> with EmulatedStripe() as stripe:
        ...     subscription = stripe.subscribe("cus_1", "pro", features=["exports"])
        ...     stripe.cancel(subscription)
        ...     stripe.emulator.entitlements("cus_1")
        ()
        """
        named = customer_or_subscription
        ended = [named] if named.startswith("sub_") else self._subscriptions(named)
        if not ended:
            raise LookupError(f"{shown(named)} has no subscription to cancel: subscribe(...) makes one")
        for subscription in ended:
            self.emulator.cancel(subscription)
        self.deliver()

    def advance(self, *, seconds: int = 0, days: int = 0) -> int:
        """Move Stripe's clock ahead, let happen what falls due on the way, and return its time.

        Raises:
            ValueError: time would go back.

        >>> with EmulatedStripe() as stripe:
        ...     _ = stripe.subscribe("cus_1", "pro", features=["exports"], cancel_at_period_end=True)
        ...     _ = stripe.advance(days=32)
        ...     stripe.emulator.entitlements("cus_1")
        ()
        """
        now = self.emulator.advance(seconds=seconds, days=days)
        self.deliver()
        return now

    # --- webhooks ----------------------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Bring the instances made here what they haven't heard yet: for changes made through `emulator`.

        >>> with EmulatedStripe() as stripe:
        ...     ents = stripe.entitlements()
        ...     _ = stripe.subscribe("cus_1", "pro", features=["exports"])
        ...     ents.has_feature("cus_1", "exports")
        ...     stripe.emulator.request("DELETE", "/v1/customers/cus_1")["deleted"]
        ...     stripe.deliver()
        ...     ents.has_feature("cus_1", "exports")
        True
        True
        False
        """
        for ents, events in self._made:
            for webhook in events.new() if events else ():
                ents.handle_webhook(*webhook)

    def webhooks(self) -> list[Webhook]:
        """Take the webhooks not taken yet, oldest first, to bring them to an endpoint of one's own.

        >>> with EmulatedStripe() as stripe:
        ...     ents = stripe.entitlements(webhooks=False)
        ...     _ = stripe.subscribe("cus_1", "pro", features=["exports"])
        ...     results = [ents.handle_webhook(body, signed) for body, signed in stripe.webhooks()]
        ...     results[-1].customer, stripe.webhooks()
        ('cus_1', [])
        """
        return self._taken.new()

    # --- how ---------------------------------------------------------------------------------------------------------

    def _sell(self, name: str, features: list[str]) -> None:
        product = name if self._is_there(f"/v1/products/{name}") else f"prod_{name.removeprefix('prod_')}"
        if not self._is_there(f"/v1/products/{product}"):
            title = name.removeprefix("prod_").replace("_", " ").capitalize()
            self.emulator.request("POST", "/v1/products", id=product, name=title)
        self._include(product, features)
        if not self.emulator.request("GET", "/v1/prices", product=product)["data"]:
            monthly = {"interval": "month"}
            fields = {"product": product, "currency": "usd", "unit_amount": _PRICE, "recurring": monthly}
            self.emulator.request("POST", "/v1/prices", **fields)

    def _include(self, product: str, features: list[str]) -> None:
        attached = self.emulator.request("GET", f"/v1/products/{product}/features", limit=_PAGE)["data"]
        included = {each["entitlement_feature"]["lookup_key"] for each in attached}
        for key in features:
            if not self.emulator.request("GET", "/v1/entitlements/features", lookup_key=key)["data"]:
                self.emulator.feature(key)
            if key not in included:
                self.emulator.attach(product, key)

    def _subscriptions(self, customer: str) -> list[str]:
        listed = self.emulator.request("GET", "/v1/subscriptions", customer=customer, limit=_PAGE)["data"]
        return [str(each["id"]) for each in listed]

    def _is_there(self, path: str) -> bool:
        try:
            found = self.emulator.request("GET", path)
        except ApiError:
            return False
        return not found.get("deleted")


class _Events:
    """Whoever reads the emulator's events as they come."""

    def __init__(self, emulator: StripeEmulator) -> None:
        self._emulator = emulator
        self._last: str | None = None

    def new(self) -> list[Webhook]:
        """Read those that came since, oldest first, signed as of now."""
        found: list[Mapping[str, object]] = []
        page: dict[str, object] = {"limit": _PAGE}
        while True:
            listed = self._emulator.request("GET", "/v1/events", **page)
            for event in listed["data"]:
                if event["id"] == self._last:
                    return self._signed(found)
                found.append(event)
            if not listed["has_more"]:
                return self._signed(found)
            page["starting_after"] = listed["data"][-1]["id"]

    def _signed(self, found: list[Mapping[str, object]]) -> list[Webhook]:
        if found:
            self._last = str(found[0]["id"])
        bodies = [json.dumps(event).encode() for event in reversed(found)]
        return [Webhook(body, signature(body, int(time.time()), _SECRET)) for body in bodies]
