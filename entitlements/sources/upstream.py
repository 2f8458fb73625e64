"""Stripe, for one instance: the client and whatever is read with it, loaded when first asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from entitlements.errors import NotConfigured, StripeError
from entitlements.forks import first_load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.catalog import Contents
    from entitlements.clocks import Deadline
    from entitlements.settings import Settings
    from entitlements.sources.contract import Holding
    from entitlements.stripe.budget import Lanes
    from entitlements.stripe.client import Stripe
    from entitlements.stripe.resources.events import EventPage

__all__ = ["Upstream"]

_PATIENCE: Final = 5.0  # seconds that a sweep waits for its turn among the customers' requests


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

    def page(
        self,
        *,
        types: Sequence[str],
        created_from: int | None,
        starting_after: str | None,
        limit: int,
        deadline: Deadline | None,
    ) -> EventPage:
        """Read a page of the event list, in its turn."""
        client = self.client()
        turn = self._rate.reserve(_PATIENCE)
        if turn is None:
            raise StripeError("customers take every request that the budget allows; the sweep has to wait")
        time.sleep(turn)
        return client.events.page(
            types=types, created_from=created_from, starting_after=starting_after, limit=limit, deadline=deadline
        )

    def close(self) -> None:
        """Let connections go."""
        if self._client is not None:
            self._client.close()
