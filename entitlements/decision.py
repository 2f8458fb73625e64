"""What the library answers: a truthy or falsy Decision that can explain itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from entitlements.errors import EntitlementsUnavailable, FeatureRequired
from entitlements.token import token_for_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entitlements.requirement import Requirement
    from entitlements.terms import Terms

__all__ = ["Decision", "Offer", "Reason", "Source", "enforced"]


class Reason(StrEnum):
    """Why the answer is what it is."""

    ENTITLED = "entitled"
    NOT_ENTITLED = "not_entitled"
    NO_CUSTOMER = "no_customer"  # known to the application, never bought anything
    ANONYMOUS = "anonymous"  # nobody is signed in
    UNAVAILABLE = "unavailable"  # cannot tell; never to be read as a no


class Source(StrEnum):
    """What the answer rests on."""

    FETCHED = "fetched"  # asked of Stripe for this very question
    CACHED = "cached"  # within its time to live
    STALE = "stale"  # older, and still admissible: a refresh runs behind, or Stripe is failing
    OVERRIDE = "override"  # what a test said, in whole or in part: see `entitlements.testing.override`
    NONE = "none"  # nothing; there was nothing to look up, or nothing usable was found


@dataclass(frozen=True, slots=True)
class Offer:
    """A product that would unlock what was refused.

    >>> Offer(product="prod_pro", name="Pro")
    Offer(product='prod_pro', name='Pro')
    """

    product: str
    name: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Answer one question: true when the customer may, false when not or when it can't be told.

    A decision is as true as its answer, so `if ents.check(...)` reads as it should. When it is false, `reason` says
    whether that is a no (`not_entitled`, `no_customer`, `anonymous`) or a don't-know (`unavailable`).

    Attributes:
        requirement: what was asked for: one lookup key, all of several or any of several.
        reason: see `Reason`.
        customer: `cus_...`, or `None` when there was no customer to ask about.
        source: what the answer rests on; see `Source`.
        age: seconds since the fetch behind the answer began; `None` when it rests on no fetch.
        unlock_with: products that include what is missing, by name; empty while the catalogue is not loaded.
        retry_after: seconds after which asking again makes sense, when the answer is not known.
        token: pass it as `after=` for an answer that rests on a fetch begun after this decision.
        request_id: Stripe's id of the request behind a fetched answer.
        detail: what stood in the way, when the answer is not known.
    """

    requirement: Requirement
    reason: Reason
    customer: str | None = None
    source: Source = Source.NONE
    age: float | None = None
    unlock_with: tuple[Offer, ...] = ()
    retry_after: float | None = None
    token: str = field(default_factory=token_for_now)
    request_id: str | None = None
    detail: str = ""

    def __bool__(self) -> bool:
        return self.reason is Reason.ENTITLED

    @property
    def allowed(self) -> bool:
        """Say whether the customer may."""
        return bool(self)

    @property
    def unavailable(self) -> bool:
        """Say whether this is a don't-know rather than an answer."""
        return self.reason is Reason.UNAVAILABLE

    @property
    def worth_telling(self) -> bool:
        """Say whether an observer hears of it: a refusal, an answer served stale, or a don't-know."""
        return not self or self.source is Source.STALE

    @property
    def labels(self) -> Mapping[str, str]:
        """Give what a metric may be labelled with: few values, and no customer among them."""
        return {"feature": self.feature, "reason": self.reason.value, "source": self.source.value}

    @property
    def feature(self) -> str:
        """Name what was asked for, as one string."""
        return str(self.requirement)

    @property
    def sentence(self) -> str:
        """Say the answer to a person, in one sentence without the customer's id."""
        return _SENTENCES[self.reason].format(feature=f"“{self.feature}”", offers=self._offers(), detail=self.detail)

    def _offers(self) -> str:
        names = [offer.name for offer in self.unlock_with]
        if not names:
            return "is not part of the current plan"
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"is part of {listed}"


_SENTENCES = {
    Reason.ENTITLED: "{feature} is included.",
    Reason.NOT_ENTITLED: "{feature} {offers}.",
    Reason.NO_CUSTOMER: "{feature} {offers}.",
    Reason.ANONYMOUS: "Nobody is signed in, so {feature} can't be granted.",
    Reason.UNAVAILABLE: "We could not confirm access to {feature} just now. Please try again.",
}


def enforced(decision: Decision, terms: Terms | None = None) -> Decision:
    """Give an allowing decision back; raise what a refusing one calls for, to be shown on a gate's terms.

    Raises:
        FeatureRequired: the answer is no.
        EntitlementsUnavailable: the answer isn't known.
    """
    if decision:
        return decision
    raise EntitlementsUnavailable(decision) if decision.unavailable else FeatureRequired(decision, terms)
