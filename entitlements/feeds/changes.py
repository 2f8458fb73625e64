"""Changes: how what becomes known reaches the fences, whoever says it: the application, a webhook or a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entitlements import token as freshness_token
from entitlements.cache.fences import raise_everywhere, tables
from entitlements.cache.lookout import Lookout
from entitlements.errors import EntitlementsUnavailable, InvalidSettings
from entitlements.feeds.notes import HostNotes, MemoryNotes
from entitlements.forks import first_load
from entitlements.settings import scope as name_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.cache.ground import Ground
    from entitlements.cache.seams import Seams
    from entitlements.feeds.reading import Events
    from entitlements.feeds.sweeper import Sweeper
    from entitlements.feeds.webhook import Notice, WebhookResult
    from entitlements.freshness import Freshness
    from entitlements.settings import Settings

__all__ = ["Changes", "Raising"]

_FEED_LIVES: Final = 3600.0  # a webhook verified within the last hour shows that changes arrive
_SWEEP_LIVES: Final = 2.0  # intervals for which a sweep shows the same
_AGAIN: Final = 5.0  # seconds after which a fence that could not be raised everywhere is worth another try


class Raising:
    """Raise the fences of one scope, in every table where anybody may look."""

    def __init__(self, ground: Ground, scope: str, *, good_for: float = 0.0) -> None:
        self._fences = ground.fences
        self._scope = scope
        self._good_for = good_for

    def raise_customer(self, customer: str, *, settled: bool = False) -> None:
        """Void what was fetched for a customer.

        Raises:
            EntitlementsUnavailable: it was raised here, and can't be where the others look.
        """
        slot = self._fences.slot(self._scope, customer)
        self._fences.raise_(slot, settled=settled)
        raise_everywhere(slot, settled=settled)  # another instance of this process may rest on another table
        self._follow()

    def raise_all(self) -> None:
        """Void whatever was fetched.

        Raises:
            EntitlementsUnavailable: as `raise_customer`.
        """
        for table in {self._fences, *tables()}:
            table.raise_all()
        self._follow()

    def stamp(self, began: float) -> None:
        """Note for every process that a sweep, begun at a moment of wall time, has missed nothing."""
        self._fences.swept(self._fences.sweep(self._scope), began=began, good_for=self._good_for)

    def _follow(self) -> None:
        """Make sure that this was the table where the others look; if it was replaced, raise everything where it is."""
        if not self._fences.replaced():
            return
        try:
            self._fences.reattach()
        except InvalidSettings as trouble:
            message = f"the change is known here and can't be made known to other processes: {trouble}"
            raise EntitlementsUnavailable(message=message, retry_after=_AGAIN) from trouble


class Changes:
    """Take in what became known, and say whether changes are known to arrive."""

    def __init__(  # noqa: PLR0913 - what it takes from the instance it serves
        self,
        ground: Ground,
        settings: Settings,
        seams: Seams,
        *,
        freshness: Freshness,
        events: Events,
        catalog_changed: Callable[[], object],
    ) -> None:
        self._fences = ground.fences
        self._settings = settings
        self._seams = seams
        self._ground = ground
        self._feed = self._fences.feed(settings.scope)
        self._sweep_word = self._fences.sweep(settings.scope)
        self._catalog_changed = catalog_changed
        self._lookout = None if ground.store is None else Lookout(ground.fences, seams)
        self._sweeper: Sweeper | None = None
        self._handled: Callable[[str], object] = id
        if settings.sweep is not None:
            self._sweeper = self._prepared(settings.sweep, freshness, events)

    def invalidate(self, customer: str | None) -> str:
        """Raise a customer's fence; give a token for whoever wants what is fetched after it."""
        moment = self._seams.now()
        if customer is not None:
            Raising(self._ground, self._settings.scope).raise_customer(customer)
        return freshness_token.issue(moment)

    def webhook(self, payload: bytes, signature: str) -> WebhookResult:
        """Verify an event and raise the fence it is about."""
        with first_load:
            from entitlements.feeds.webhook import WebhookResult, read_event  # noqa: PLC0415 - few processes receive any

        event = read_event(payload, signature, self._settings.webhook_secrets, now=self._seams.wall())
        moment = self._seams.now()
        if event.customer is not None:
            self._heard(event, event.customer)
        if event.concerns_catalog:
            self._catalog_changed()
        return WebhookResult(event.id, event.type, event.customer, freshness_token.issue(moment))

    def live(self) -> bool:
        """Say whether changes are known to arrive."""
        return self._fences.feed_silence(self._feed) <= _FEED_LIVES or self._fences.sweep_is_live(self._sweep_word)

    def follow(self) -> None:
        """Begin to look after a table that others share by its name, and to sweep, if that was asked for.

        Safe to call often, and called with every question that is not answered on a hot path.
        """
        if self._lookout is not None:
            self._lookout.start()
        if self._sweeper is not None:
            self._sweeper.start()

    def close(self) -> None:
        """Look after nothing, and sweep no more."""
        if self._lookout is not None:
            self._lookout.close()
        if self._sweeper is not None:
            self._sweeper.close()

    def _heard(self, event: Notice, customer: str) -> None:
        for scope in self._scopes_of(event):
            Raising(self._ground, scope).raise_customer(customer)
            self._fences.feed_heard(self._fences.feed(scope))
        self._handled(event.id)

    def _scopes_of(self, event: Notice) -> set[str]:
        """Name whom an event may be about: it says its own account and mode, which another instance may serve.

        Without an account it is about the key's own; whether that is the platform or a connected account that has an
        endpoint of its own can't be seen from here, and a fence raised for nothing costs one fetch.
        """
        livemode = event.livemode if self._settings.livemode is not None else None
        accounts = {event.account} if event.account else {None, self._settings.stripe_account}
        return {name_scope(account, livemode=livemode) for account in accounts}

    def _prepared(self, interval: float, freshness: Freshness, events: Events) -> Sweeper:
        with first_load:
            from entitlements.feeds.sweep import Sweep  # noqa: PLC0415 - for whoever sweeps
            from entitlements.feeds.sweeper import Sweeper  # noqa: PLC0415 - see above

        store = self._ground.store
        sweep = Sweep(
            events,
            MemoryNotes() if store is None else HostNotes(store),
            Raising(self._ground, self._settings.scope, good_for=_SWEEP_LIVES * interval),
            interval=interval,
            freshness=freshness,
            wall=self._seams.wall,
            now=self._seams.wall,
            fetched_since=self._seams.wall() if store is None else None,
        )
        self._handled = sweep.handled
        return Sweeper(sweep.round, interval=interval, draw=self._seams.draw)
