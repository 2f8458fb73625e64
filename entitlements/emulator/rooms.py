"""The rooms: what is open while the emulator runs, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.deliveries import Deliveries
from entitlements.emulator.faults import Faults
from entitlements.emulator.lag import Past
from entitlements.emulator.limits import Gauge
from entitlements.emulator.resources import LOADERS, ROUTES
from entitlements.emulator.resources.renewals import settle
from entitlements.emulator.webhook_faults import WebhookFaults
from entitlements.emulator.wire.desk import Desk
from entitlements.emulator.wire.front import Front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.emulator.emulator import StripeEmulator
    from entitlements.emulator.journal import Journal
    from entitlements.emulator.lifecycle import Rules
    from entitlements.emulator.profile import Profile
    from entitlements.emulator.store import Store

__all__ = ["Rooms"]


class Rooms:
    """The store, the desk over it, the front before it, and the deliveries that leave it."""

    def __init__(  # noqa: PLR0913, PLR0917 - what they are put together from
        self,
        emulator: StripeEmulator,
        store: Store,
        rules: Rules,
        retries: Sequence[float],
        profile: Profile,
        journal: Journal,
    ) -> None:
        self.store = store
        self._profile = profile
        self._fate, self._webhook_fate = Faults(), WebhookFaults()  # the profile's, beside those set by hand
        faults = (emulator.faults, self._fate)
        self.deliveries = Deliveries(store, emulator.clock, retries, (emulator.webhook_faults, self._webhook_fate))
        self.desk = Desk(
            store, emulator.clock, ROUTES, LOADERS, settle, self.deliveries.wake, rules, lambda: emulator.url
        )
        self._past = Past(store, lambda: any(fault.kind == "lag" for each in faults for fault in each.listed()))
        self._gauge = Gauge(profile.limits)
        self.front = Front(self.desk, journal, faults, self._past, self._gauge)
        self._begin()

    def _begin(self) -> None:
        self._profile.strike(self._fate)
        self._profile.strike_webhooks(self._webhook_fate)

    def clear(self) -> None:
        """Stop sending and forget everything; the profile's dice fall as at the start."""
        self._end()
        self.store.clear()
        self._past.clear()
        self._gauge.clear()
        self._begin()

    def close(self) -> None:
        """Stop sending, and close the store."""
        self._end()
        self.store.close()

    def _end(self) -> None:
        self._fate.clear()
        self.deliveries.stop()
        self._webhook_fate.clear()
