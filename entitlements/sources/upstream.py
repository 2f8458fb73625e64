"""Stripe, for one instance: the client and whatever is read with it, loaded when first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.errors import NotConfigured
from entitlements.forks import first_load

if TYPE_CHECKING:
    from entitlements.catalog import Contents
    from entitlements.clocks import Deadline
    from entitlements.settings import Settings
    from entitlements.sources.contract import Holding
    from entitlements.stripe.budget import Lanes
    from entitlements.stripe.client import Stripe

__all__ = ["Upstream"]


class Upstream:
    """Read from Stripe what one instance needs: a customer's features, the catalogue, the event list.

    It is a source like any other; building the client loads `requests` and `pydantic`, so nothing is built before the
    first call.
    """

    def __init__(self, settings: Settings, rate: Lanes) -> None:
        self._settings = settings
        self._rate = rate
        self._client: Stripe | None = None

    def client(self) -> Stripe:
        """Give the client.

        Raises:
            NotConfigured: the instance has no key.
        """
        if self._client is not None:
            return self._client
        if self._settings.api_key is None:
            raise NotConfigured("this instance has no Stripe key: pass api_key=... or set STRIPE_API_KEY")
        with first_load:
            from entitlements.stripe.client import Stripe  # noqa: PLC0415 - heavy, and not needed before the first call

            if self._client is None:
                client = Stripe(
                    self._settings.api_key,
                    api_base=self._settings.api_base,
                    stripe_account=self._settings.stripe_account,
                    budget=self._rate,
                )
                client.preload()
                self._client = client
            return self._client

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        """Read a customer's active entitlements."""
        client = self.client()
        with first_load:
            from entitlements.sources.active import ActiveEntitlements  # noqa: PLC0415 - see `client`

        return ActiveEntitlements(client).fetch(customer, deadline)

    def catalog(self) -> Contents:
        """Read every feature and what products include it."""
        client = self.client()
        with first_load:
            from entitlements.sources.catalog import read_catalog  # noqa: PLC0415 - see `client`

        return read_catalog(client, self._rate)

    def close(self) -> None:
        """Let connections go."""
        if self._client is not None:
            self._client.close()
