"""One customer's view of an instance: live, or pinned for the length of a request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final

from entitlements import overridden
from entitlements.cache.wait import glance
from entitlements.core import on_a_loop
from entitlements.decision import Decision, Source, enforced
from entitlements.pinned import Pinned
from entitlements.question import Question
from entitlements.requirement import Requirement
from entitlements.stripe.ids import feature_key

if TYPE_CHECKING:
    from collections.abc import Generator

    from entitlements.cache.wait import Wait
    from entitlements.core import Core

__all__ = ["LIVE", "PIN_HOLDS", "Customer", "RequestView", "View"]

PIN_HOLDS: Final = 5.0  # seconds in which a request sees one truth
LIVE: Final = 0.0  # for what stays open for hours, as a WebSocket does: every question is answered as of now
_NOTHING: Final = Pinned()


class View(ABC):
    """What a live view and a request's have in common: an instance, a customer, and the same words."""

    def __init__(self, core: Core, customer: str | None) -> None:
        self.core = core
        self.stripe_customer_id = customer

    def decide(self, need: Requirement) -> Generator[Wait, None, Decision]:
        """Answer for this customer, as a flow."""
        return self.core.decide(self.stripe_customer_id, need)

    def check(self, feature: str) -> Decision:
        """Answer with reasons, as `Entitlements.check` does."""
        return self.core.run(self.decide(_one(feature)))

    def require(self, feature: str) -> Decision:
        """Go on only if the customer may, as `Entitlements.require` does.

        Raises:
            FeatureRequired: no; the error says what would unlock it.
            EntitlementsUnavailable: it can't be told.
        """
        return enforced(self.check(feature))

    def acheck(self, feature: str) -> Question[Decision]:
        """Do the same as `check`, awaiting what must be waited for."""

        async def acheck() -> Decision:
            return await self._adecide(_one(feature))

        return Question(acheck())

    def arequire(self, feature: str) -> Question[Decision]:
        """Do the same as `require`, awaiting what must be waited for."""

        async def arequire() -> Decision:
            return enforced(await self._adecide(_one(feature)))

        return Question(arequire())

    @abstractmethod
    def pinned(self) -> Pinned:
        """Give the customer's features, held still."""

    def __contains__(self, feature: object) -> bool:
        """Say whether the customer has a feature; a no is not verified, and may be a don't-know: see `unavailable`."""
        said = overridden.said(self.stripe_customer_id, feature) if overridden.anywhere else None
        return feature in self.pinned() if said is None else said

    @property
    def features(self) -> frozenset[str]:
        """Give the lookup keys the customer holds; when `unavailable`, what is missing may be held all the same."""
        return self.pinned()

    @property
    def unavailable(self) -> bool:
        """Say whether it can't be told what the customer lacks. Templates show this, and never an upsell."""
        return self.pinned().unavailable

    async def _adecide(self, need: Requirement) -> Decision:
        return await self.core.arun(self.decide(need))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.stripe_customer_id!r})"


class Customer(View):
    """A live view: every question is answered as of now.

    >>> from entitlements import Entitlements
    >>> with Entitlements("sk_test_123") as ents:
    ...     ents.for_customer("cus_123")
    Customer('cus_123')
    """

    def has_feature(self, feature: str) -> bool:
        """Say whether the customer may, as `Entitlements.has_feature` does."""
        return bool(self.core.run(self.core.decide(self.stripe_customer_id, _one(feature), explain=False)))

    def ahas_feature(self, feature: str) -> Question[bool]:
        """Do the same as `has_feature`, awaiting what must be waited for."""

        async def ahas_feature() -> bool:
            flow = self.core.decide(self.stripe_customer_id, _one(feature), explain=False)
            return bool(await self.core.arun(flow))

        return Question(ahas_feature())

    def pinned(self) -> Pinned:
        """Hold the customer's features still: a frozenset that answers in nanoseconds, for one request or one job."""
        return overridden.applied(self.stripe_customer_id, self.core.run(self.core.hold(self.stripe_customer_id)))

    def apinned(self) -> Question[Pinned]:
        """Do the same as `pinned`, awaiting what must be waited for."""

        async def apinned() -> Pinned:
            pin = await self.core.arun(self.core.hold(self.stripe_customer_id))
            return overridden.applied(self.stripe_customer_id, pin)

        return Question(apinned())


class RequestView(View):
    """The view that middleware binds: it pins at the first question, so that one request sees one truth.

    A pin holds for some seconds, no longer: a stream that goes on, or a task that outlives its request, asks again. A
    refusal may be verified once; what was learnt then is pinned instead.

    Attributes:
        asked: whether anything was asked of it; the response then differs by customer, and no shared cache may keep it.
        pin: what was pinned last, for the gates' hot path; empty until then, and where the pin is stale: that an old
            answer admitted is worth telling.
        pinned_until: until when, in seconds of `monotonic`.
        live: whether every question is answered as of now.
        cache: where a live view's gates look.
    """

    def __init__(self, core: Core, customer: str | None, *, anonymous: bool = False, holds: float = PIN_HOLDS) -> None:
        super().__init__(core, customer)
        self.anonymous = anonymous
        self.asked = False
        self.pin = self._pin = _NOTHING
        self.pinned_until = 0.0
        self.live = holds <= LIVE
        self.cache = core.cache
        self._holds = holds
        self._verified = False

    def admits(self, need: Requirement) -> bool:
        """Say whether what is pinned already admits, and isn't stale; false says nothing yet."""
        self.asked = True
        pin = self._held()
        return pin is not None and not pin.unavailable and need.met_by(pin)

    def decide(self, need: Requirement) -> Generator[Wait, None, Decision]:
        """Answer for this request, as a flow."""
        self.asked = True
        if self.anonymous:
            return self.core.anonymous(need)
        customer = self.stripe_customer_id
        if customer is None:
            return (yield from self.core.decide(None, need))
        return (yield from self.core.unless_overridden(customer, need, partial(self._decide, customer)))

    def _decide(self, customer: str, need: Requirement) -> Generator[Wait, None, Decision]:
        pin = yield from self.load()
        if need.met_by(pin) or self._verified:
            return (yield from self.core.by_pin(customer, need, pin))
        decision = yield from self.core.decide(customer, need)
        if not decision.unavailable:
            self._verified = True  # once: from here on this request holds to what it was told
        if decision or decision.source is Source.FETCHED:
            self._hold((yield from self.core.hold(customer)))
        return decision

    def load(self) -> Generator[Wait, None, Pinned]:
        """Pin, unless a pin holds, as a flow."""
        pin = self._held()
        if pin is None:
            self._verified = False
            pin = self._hold((yield from self.core.hold(self.stripe_customer_id)))
        return pin

    def ask_again(self) -> None:
        """Let go of what is pinned, so that the next question finds out anew: for a stream that goes on and on."""
        self._pin = self.pin = _NOTHING
        self.pinned_until = 0.0

    def leave_hot_path(self) -> None:
        """Have the gates ask, until this pins anew: a test overrides what is pinned."""
        self.pin = _NOTHING

    @property
    def waits(self) -> bool:
        """Say whether `settle` must be awaited before a question may be."""
        return False

    async def settle(self) -> None:
        """Find out whose view this is, where that takes a wait."""

    def seen_by(self, core: Core) -> RequestView:
        """Give this view to a gate that asks another instance about the same customer."""
        self.asked = True  # the response depends on the customer, whichever instance answers
        if core is self.core:
            return self
        return RequestView(core, self.stripe_customer_id, anonymous=self.anonymous, holds=self._holds)

    def pinned(self) -> Pinned:
        """Give what this request has pinned, pinning it at the first question.

        On an event loop's thread nothing is waited for: an unloaded view begins to fetch and reads `unavailable`.
        """
        self.asked = True
        return Pinned() if self.anonymous else overridden.applied(self.stripe_customer_id, self._pinned())

    def __contains__(self, feature: object) -> bool:
        self.asked = True
        return super().__contains__(feature)

    def _pinned(self) -> Pinned:
        pin = self._held()
        if pin is not None:
            return pin
        if not on_a_loop():
            return self.core.run(self.load())
        pin = glance(self.core.hold(self.stripe_customer_id))
        return Pinned(unavailable=True) if pin is None else self._hold(pin)

    def apinned(self) -> Question[Pinned]:
        """Do the same as `pinned`, awaiting what must be waited for; what is asked after that finds it at hand."""

        async def apinned() -> Pinned:
            self.asked = True
            await self.settle()
            pin = await self.core.arun(self.load())
            return overridden.applied(self.stripe_customer_id, pin)

        return Question(apinned())

    async def _adecide(self, need: Requirement) -> Decision:
        await self.settle()
        return await super()._adecide(need)

    def _held(self) -> Pinned | None:
        return self._pin if monotonic() < self.pinned_until else None

    def _hold(self, pin: Pinned) -> Pinned:
        if not self.live:
            self._pin, self.pin = pin, _NOTHING if pin.unavailable or overridden.anywhere else pin
            self.pinned_until = monotonic() + self._holds
        return pin


def _one(feature: str) -> Requirement:
    return Requirement((feature_key(feature),))
