"""The engine room: what one instance is made of, and the flows that its questions take through it."""

from __future__ import annotations

import logging
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final, TypeVar

from entitlements import token as freshness_token
from entitlements.cache.engine import Cache
from entitlements.cache.fences import shared_fences
from entitlements.cache.pool import Pool
from entitlements.cache.seams import Seams
from entitlements.cache.wait import await_for, block_for
from entitlements.catalog import Catalog
from entitlements.clocks import real_now
from entitlements.decision import Decision, Reason
from entitlements.errors import InvalidInput, NotConfigured
from entitlements.forks import first_load
from entitlements.judge import Judge, Rules
from entitlements.pinned import Pinned
from entitlements.settings import scope as name_scope
from entitlements.stats import Stats
from entitlements.stripe.budget import Budget
from entitlements.stripe.ids import customer_id, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from entitlements.cache.wait import Wait
    from entitlements.catalog import Contents
    from entitlements.clocks import Deadline
    from entitlements.feeds.webhook import Notice, WebhookResult
    from entitlements.freshness import Freshness
    from entitlements.requirement import Requirement
    from entitlements.settings import Limits, Settings
    from entitlements.sources.contract import Holding, Source
    from entitlements.stripe.client import Stripe

__all__ = ["Core", "identify"]

T = TypeVar("T")

_FEED_LIVES: Final = 3600.0  # a webhook verified within the last hour shows that changes arrive
_ABSENT: Final = object()
_log = logging.getLogger("entitlements")


class Core:
    """Everything one `Entitlements` is made of."""

    def __init__(
        self,
        settings: Settings,
        *,
        freshness: Freshness,
        limits: Limits,
        source: Source | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.settings: Final = settings
        self._rate = Budget(limits.requests_per_second)
        self._pool = Pool(limits.fetch_threads, limits.fetches_waiting)
        self._stripe: Stripe | None = None
        self.fences: Final = shared_fences()
        self._feed = self.fences.feed(settings.scope)
        self.cache: Final = Cache(
            source or _Active(self),
            scope=settings.scope,
            fences=self.fences,
            freshness=freshness,
            limits=limits,
            rate=self._rate,
            seams=Seams(spawn=self._pool.submit, sleep=time.sleep, clock=clock),
        )
        read_catalog = self._read_catalog if source is None else getattr(source, "catalog", None)
        self.catalog: Final = Catalog(read_catalog, spawn=_on_a_thread, clock=self.cache.clock)
        rules = Rules(freshness, limits, settings.feature_classes, settings.strict, self.live_feed)
        self.judge: Final = Judge(self.cache, self.catalog, rules)
        self.closed = False
        self._warned = False
        weakref.finalize(self, self._pool.close).atexit = False  # whoever lets go of us lets go of the threads

    # --- questions ---------------------------------------------------------------------------------------------------

    def decide(
        self, customer: str | None, need: Requirement, *, after: float | None = None, explain: bool = True
    ) -> Generator[Wait, None, Decision]:
        """Answer one question; `None` is a customer who never bought."""
        if customer is None:
            return (yield from self.judge.never_bought(need, explain=explain))
        if self.closed:
            return Decision(need, Reason.UNAVAILABLE, customer, detail="this instance was closed")
        return (yield from self.judge.decide(customer, need, after=after, explain=explain))

    def hold(self, customer: str | None) -> Generator[Wait, None, Pinned]:
        """Find what to pin; somebody who never bought holds nothing, and that is known."""
        if customer is None:
            return Pinned()
        return Pinned(unavailable=True) if self.closed else (yield from self.judge.hold(customer))

    def refresh(self, customer: str | None) -> Generator[Wait, None, str]:
        """Raise the fence and fetch, waiting up to the deadline."""
        token = self.invalidate(customer)
        yield from self.hold(customer)
        return token

    def invalidate(self, customer: str | None) -> str:
        """Raise the fence; whatever was fetched before no longer answers."""
        moment = real_now()
        if customer is not None:
            self.cache.invalidate(customer)
        return freshness_token.issue(moment)

    def webhook(self, payload: bytes, signature: str) -> WebhookResult:
        """Verify an event and raise the fence it is about."""
        with first_load:
            from entitlements.feeds.webhook import WebhookResult, read_event  # noqa: PLC0415 - few processes receive any

        event = read_event(payload, signature, self.settings.webhook_secrets, now=time.time())
        moment = real_now()
        for scope in self._scopes_of(event):
            if event.customer is not None:
                self.fences.raise_(self.fences.slot(scope, event.customer))
                self.fences.feed_heard(self.fences.feed(scope))
        if event.concerns_catalog:
            self.catalog.outdated()
        return WebhookResult(event.id, event.type, event.customer, freshness_token.issue(moment))

    def live_feed(self) -> bool:
        """Say whether changes are known to arrive by webhook."""
        return self.fences.feed_silence(self._feed) <= _FEED_LIVES

    # --- running flows -----------------------------------------------------------------------------------------------

    def run(self, flow: Generator[Wait, None, T]) -> T:
        """Run a flow on this thread, waiting where it must."""
        try:
            wait = next(flow)
        except StopIteration as done:
            value: T = done.value
            return value
        self._warn_on_a_loop()
        wait.block()
        return block_for(flow)

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
        if self._stripe is not None:
            return self._stripe
        if self.settings.api_key is None:
            raise NotConfigured("this instance has no Stripe key: pass api_key=... or set STRIPE_API_KEY")
        with first_load:
            from entitlements.stripe.client import Stripe  # noqa: PLC0415 - heavy, and not needed before the first call

            if self._stripe is None:
                stripe = Stripe(
                    self.settings.api_key,
                    api_base=self.settings.api_base,
                    stripe_account=self.settings.stripe_account,
                    budget=self._rate,
                )
                stripe.preload()
                self._stripe = stripe
            return self._stripe

    def _read_catalog(self) -> Contents:
        with first_load:
            from entitlements.sources.catalog import read_catalog  # noqa: PLC0415 - see `stripe`

        return read_catalog(self.stripe(), self._rate)

    def _scopes_of(self, event: Notice) -> set[str]:
        """Name whom an event may be about: it says its own account and mode, which another instance may serve.

        Without an account it is about the key's own; whether that is the platform or a connected account that has an
        endpoint of its own can't be seen from here, and a fence raised for nothing costs one fetch.
        """
        livemode = event.livemode if self.settings.livemode is not None else None
        accounts = {event.account} if event.account else {None, self.settings.stripe_account}
        return {name_scope(account, livemode=livemode) for account in accounts}

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
            flying=self.cache.flying,
            live_feed=self.live_feed(),
            catalog_loaded=self.catalog.contents is not None,
        )

    def close(self) -> None:
        """Let threads and connections go; from here on the answer is "cannot tell"."""
        self.closed = True
        self.cache.close()
        self._pool.close()
        if self._stripe is not None:
            self._stripe.close()


class _Active:
    """Stripe's list of active entitlements, with a client that is built when first asked."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        stripe = self._core.stripe()
        with first_load:
            from entitlements.sources.active import ActiveEntitlements  # noqa: PLC0415 - see `Core.stripe`

        return ActiveEntitlements(stripe).fetch(customer, deadline)


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
