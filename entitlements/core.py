"""The engine room: what one instance is made of, and the flows that its questions take through it."""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from entitlements import overridden
from entitlements.cache.engine import Cache
from entitlements.cache.exchange import Exchange
from entitlements.cache.ground import Ground, ground_at
from entitlements.cache.pool import Pool
from entitlements.cache.seams import Seams
from entitlements.cache.wait import await_for, block_for
from entitlements.catalog import Catalog
from entitlements.clocks import boot_now
from entitlements.decision import Decision, Reason, Source
from entitlements.errors import InvalidInput
from entitlements.feeds.changes import Changes
from entitlements.judge import Judge, Rules
from entitlements.observed import Observed, Observer
from entitlements.pinned import Pinned
from entitlements.sources.upstream import Upstream
from entitlements.stats import FORKS, HOST, Stats
from entitlements.stripe.budget import Lanes
from entitlements.stripe.ids import customer_id, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from entitlements.cache.wait import Wait
    from entitlements.decision import Offer
    from entitlements.freshness import Freshness
    from entitlements.requirement import Requirement
    from entitlements.settings import Limits, Settings
    from entitlements.sources import contract
    from entitlements.stripe.client import Stripe

__all__ = ["Ask", "Core", "identify", "on_a_loop"]

T = TypeVar("T")
Ask: TypeAlias = "Callable[[Requirement], Generator[Wait, None, Decision]]"

_ABSENT: Final = object()
_log = logging.getLogger("entitlements")


class Core:
    """Everything one `Entitlements` is made of."""

    def __init__(  # noqa: PLR0913 - what an instance may be given, and the seams
        self,
        settings: Settings,
        *,
        freshness: Freshness,
        limits: Limits,
        source: contract.Source | None = None,
        clock: Callable[[], float] | None = None,
        observer: Callable[[Observed], object] | None = None,
        seams: Seams | None = None,
        ground: Ground | None = None,
    ) -> None:
        self.settings: Final = settings
        self.observer: Final = Observer(observer)
        self._pool = Pool(limits.fetch_threads, limits.fetches_waiting)
        self._seams = seams or Seams(spawn=self._pool.submit, clock=clock, boot=clock or boot_now)
        self.now: Final = self._seams.now
        self.ground: Final = ground or ground_at(
            settings.shared_path, scope=settings.scope, seams=self._seams, max_age=freshness.max_stale
        )
        self.fences: Final = self.ground.fences
        self._rate = Lanes(limits.requests_per_second, now=self.now)
        self._upstream = Upstream(settings, self._rate)
        self.cache: Final = self._made_cache(source or self._upstream, freshness, limits)
        read_catalog = self._upstream.catalog if source is None else getattr(source, "catalog", None)
        self.catalog: Final = Catalog(read_catalog, spawn=_on_a_thread, clock=self.cache.clock)
        self.changes: Final = Changes(
            self.ground,
            settings,
            self._seams,
            freshness=freshness,
            events=self._upstream,
            catalog_changed=self.catalog.outdated,
        )
        rules = Rules(freshness, limits, settings.feature_classes, settings.strict, self.changes.live)
        self.judge: Final = Judge(self.cache, self.catalog, rules)
        self.fences.on_move(self._moved)
        self._moved()
        self.closed = False
        self._warned = False
        weakref.finalize(self, self._pool.close).atexit = False  # whoever lets go of us lets go of the threads

    # --- questions ---------------------------------------------------------------------------------------------------

    def decide(
        self, customer: str | None, need: Requirement, *, after: float | None = None, explain: bool = True
    ) -> Generator[Wait, None, Decision]:
        """Answer one question; `None` is a customer who never bought."""
        if overridden.anywhere:
            ask = partial(self._decide, customer, after=after, explain=explain)
            return (yield from self.unless_overridden(customer, need, ask))
        return (yield from self._decide(customer, need, after=after, explain=explain))

    def unless_overridden(self, customer: str | None, need: Requirement, ask: Ask) -> Generator[Wait, None, Decision]:
        """Answer what a test said of a customer, and ask for the rest, if that matters."""
        features = overridden.told(customer)
        mine = [key for key in need.features if key in features]
        if customer is None or not mine:
            return (yield from ask(need))
        rest = tuple(key for key in need.features if key not in features)
        decides = [key for key in mine if features[key] is need.any_of]  # one yes is enough for any, one no against all
        if rest and not decides:
            decision = yield from ask(replace(need, features=rest))
            return self._judged_with(decision, need)
        allowed = bool(decides) is need.any_of
        reason = Reason.ENTITLED if allowed else Reason.NOT_ENTITLED
        offers = () if allowed else self._offers(need, decides or mine)
        decision = Decision(need, reason, customer, Source.OVERRIDE, unlock_with=offers)
        return self.observer.decided(decision)

    def _judged_with(self, decision: Decision, need: Requirement) -> Decision:
        """Say of the whole what was found of the rest of it."""
        rests_on_both = not decision.unavailable and bool(decision) is not need.any_of
        if not rests_on_both:
            return replace(decision, requirement=need)
        offers = () if decision else self._offers(need, need.features)
        return replace(decision, requirement=need, source=Source.OVERRIDE, unlock_with=offers)

    def _offers(self, need: Requirement, missing: Iterable[str]) -> tuple[Offer, ...]:
        """Find what would unlock something, in a catalogue that is loaded: an override waits for nothing."""
        contents = self.catalog.contents
        return () if contents is None else contents.unlocks(missing, any_of=need.any_of)

    def _decide(
        self, customer: str | None, need: Requirement, *, after: float | None = None, explain: bool = True
    ) -> Generator[Wait, None, Decision]:
        if customer is None:
            decision = yield from self.judge.never_bought(need, explain=explain)
        elif self.closed:
            decision = Decision(need, Reason.UNAVAILABLE, customer, detail="this instance was closed")
        else:
            self.changes.follow()
            decision = yield from self.judge.decide(customer, need, after=after, explain=explain)
        return self.observer.decided(decision)

    def by_pin(self, customer: str, need: Requirement, pin: Pinned) -> Generator[Wait, None, Decision]:
        """Answer one question from what a request has pinned."""
        return self.observer.decided((yield from self.judge.by_pin(customer, need, pin)))

    def anonymous(self, need: Requirement) -> Decision:
        """Refuse where nobody is signed in."""
        return self.observer.decided(Decision(need, Reason.ANONYMOUS))

    def hold(self, customer: str | None) -> Generator[Wait, None, Pinned]:
        """Find what to pin; somebody who never bought holds nothing, and that is known."""
        if customer is None:
            return Pinned()
        if self.closed:
            return Pinned(unavailable=True)
        self.changes.follow()
        return (yield from self.judge.hold(customer))

    def refresh(self, customer: str | None) -> Generator[Wait, None, str]:
        """Raise the fence and fetch, waiting up to the deadline."""
        token = self.changes.invalidate(customer)
        yield from self.hold(customer)
        return token

    # --- running flows -----------------------------------------------------------------------------------------------

    def run(self, flow: Generator[Wait, None, T]) -> T:
        """Run a flow on this thread, waiting where it must."""
        try:
            wait = next(flow)
        except StopIteration as done:
            value: T = done.value
            return value
        self._warn_on_a_loop()
        self._seams.block(wait)
        return block_for(flow, self._seams.block)

    @staticmethod
    async def arun(flow: Generator[Wait, None, T]) -> T:
        """Run a flow in this task, waiting where it must."""
        return await await_for(flow)

    def _warn_on_a_loop(self) -> None:
        if not self._warned and on_a_loop():
            self._warned = True
            _log.warning(
                "a question was asked on an event loop's thread and had to wait for Stripe, so the loop is blocked "
                "meanwhile; await the a-twin instead (ahas_feature, acheck, arequire)"
            )

    # --- life --------------------------------------------------------------------------------------------------------

    def stripe(self) -> Stripe:
        """Give the client, built on first use: it loads `requests` and `pydantic`."""
        return self._upstream.client()

    def stats(self) -> Stats:
        """Count what happened so far."""
        tally = self.cache.tally
        return Stats(
            customers=self.cache.customers,
            fetches=tally.fetches,
            failures=tally.failures,
            joined=tally.joined,
            held_back=tally.held_back,
            superseded=tally.superseded,
            recalled=self.cache.recalled,
            ttl=self.cache.capacity.seconds,
            flying=self.cache.flying,
            live_feed=self.changes.live(),
            catalog_loaded=self.catalog.contents is not None,
            reach=FORKS if self.ground.store is None else HOST,
        )

    def close(self) -> None:
        """Let threads and connections go; from here on the answer is "cannot tell"."""
        self.closed = True
        self.changes.close()
        self.cache.close()
        self._pool.close()
        self._upstream.close()
        if self.ground.store is not None:
            self.ground.store.close()

    def _made_cache(self, source: contract.Source, freshness: Freshness, limits: Limits) -> Cache:
        scope, store = self.settings.scope, self.ground.store
        return Cache(
            source,
            scope=scope,
            fences=self.fences,
            freshness=freshness,
            limits=limits,
            rate=self._rate,
            seams=self._seams,
            exchange=Exchange(store, scope=scope, seams=self._seams) if store is not None else None,
            tell=self.observer.tell,
        )

    def _moved(self) -> None:
        """Keep the rate budget where the table is."""
        self._rate.move(self.fences.budget(self.settings.scope))


def identify(customer: object) -> str | None:
    """Find whose id is meant: a string, or anything with `.stripe_customer_id`.

    Returns:
        The id; `None` for an object whose `stripe_customer_id` is `None` or empty, which has never bought.

    Raises:
        InvalidInput: neither, or an id that can't be one.
    """
    if isinstance(customer, str):
        return customer_id(customer)
    held: object = getattr(customer, "stripe_customer_id", _ABSENT)
    if held is _ABSENT:
        raise InvalidInput(
            f"customer {shown(customer)} is no id: pass Stripe's, such as 'cus_123', "
            "or an object with a .stripe_customer_id"
        )
    return None if held is None or (isinstance(held, str) and not held) else customer_id(held)


def on_a_loop() -> bool:
    """Say whether an event loop runs on this thread, without loading asyncio to find out."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _on_a_thread(job: Callable[[], object]) -> bool:
    threading.Thread(target=job, name="entitlements-catalog", daemon=True).start()
    return True
