"""How old an answer may be: pure rules, given ages."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING

from entitlements.errors import InvalidSettings
from entitlements.stripe.ids import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["FeatureClass", "Freshness", "Plan", "Windows"]

_A_DAY = 86_400.0
_CENTURIES = 1e10  # seconds; whoever means more means never
JITTER = 0.1  # a time to live is shortened by up to this share, so that customers don't expire together


class FeatureClass(StrEnum):
    """How much staleness a feature tolerates."""

    STRICT = "strict"  # none beyond the time to live: payouts, seats, whatever is costly or can't be undone
    STANDARD = "standard"
    LENIENT = "lenient"  # a day of Stripe's failing


@dataclass(frozen=True, slots=True)
class Windows:
    """How long beyond its time to live an allow may still be served, in seconds of age.

    Attributes:
        revalidate: up to this age, while one refresh runs behind.
        error: up to this age, while the source fails and the fence stands.
    """

    revalidate: float
    error: float


class Plan(Enum):
    """What to do with a question, given the snapshot at hand."""

    SERVE = auto()  # the snapshot answers
    REFRESH = auto()  # the snapshot answers, and one refresh runs behind
    VERIFY = auto()  # the snapshot refuses; check once more if that can be afforded
    PREFER_FETCH = auto()  # fetch, briefly; the snapshot stands in while the source fails
    FETCH = auto()  # nothing at hand answers


@dataclass(frozen=True, slots=True)
class Freshness:
    """Say how old an answer may be, in seconds from the beginning of the fetch behind it.

    Attributes:
        ttl: served without asking; shortened by up to a tenth at random.
        stale_while_revalidate: beyond `ttl`, an allow is served while one refresh runs behind.
        stale_if_error: beyond `ttl`, an allow is served while Stripe fails and no change is known.
        max_stale: a ceiling nothing passes.
        negative_ttl: for customers Stripe doesn't know.
        settle: after an event, Stripe's list may lag behind it for so long; meanwhile
        settle_ttl: is the time to live.
        recheck_denial_after: a refusal that rests on an older snapshot is verified before it is given.
        unsynced_ttl: the time to live while out of touch with the other hosts.

    Raises:
        InvalidSettings: an age that is no number of seconds, negative, or beyond `max_stale`.

    >>> Freshness(ttl=60).ttl
    60
    >>> Freshness(ttl=-1)
    Traceback (most recent call last):
    ...
    entitlements.errors.InvalidSettings: Freshness.ttl is -1: give seconds, a finite number above 0
    """

    ttl: float = 300.0
    stale_while_revalidate: float = 300.0
    stale_if_error: float = 3600.0
    max_stale: float = 86_400.0
    negative_ttl: float = 15.0
    settle: float = 10.0
    settle_ttl: float = 2.0
    recheck_denial_after: float = 5.0
    unsynced_ttl: float = 15.0

    def __post_init__(self) -> None:
        for field in fields(self):
            self._check(field.name, may_be_zero=field.name not in _ABOVE_ZERO)
        if self.ttl > self.max_stale:
            raise InvalidSettings(
                f"Freshness.ttl is {self.ttl:g}, above max_stale {self.max_stale:g}: nothing may be served so old; "
                "lower ttl or raise max_stale"
            )

    def _check(self, name: str, *, may_be_zero: bool) -> None:
        value: object = getattr(self, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= _CENTURIES or (value == 0 and not may_be_zero):  # type: ignore[operator]  # a number by now
            least = "not below 0" if may_be_zero else "above 0"
            raise InvalidSettings(f"Freshness.{name} is {shown(value)}: give seconds, a finite number {least}")

    def lifetime(self, *, settling: bool, known: bool, random: float, affordable: float = 0.0) -> float:
        """Give a new snapshot its time to live, in seconds.

        `random` is a draw from 0 to 1; `affordable` is how often the rate budget can pay for everybody's refresh, in
        seconds: where that is longer than `ttl`, it is the time to live, up to `max_stale`.
        """
        if not known:  # or not known yet: who just signed up may be missing from a list that lags
            return min(self.negative_ttl, self.settle_ttl if settling else self.ttl, self.ttl)
        if settling:
            return min(self.settle_ttl, self.ttl / 2)
        return self.stretched(affordable) * (1 - JITTER * random)

    def stretched(self, affordable: float) -> float:
        """Give the `ttl` as the rate budget can pay for it."""
        return max(self.ttl, min(affordable, self.max_stale))

    def brief(self, lifetime: float) -> bool:
        """Say whether a snapshot was given a short life because it may be wrong already.

        It was fetched right after an event, when Stripe's list may lag, or about a customer Stripe doesn't know.
        """
        return lifetime < self.ttl * (1 - JITTER)

    def lenience(self, feature_class: FeatureClass, lifetime: float) -> Windows:
        """Say how far beyond its time to live a snapshot's allow reaches.

        Both windows begin where `ttl` ends, or a life that was stretched beyond it; the jitter shortens neither. A
        brief snapshot is never served while a refresh runs behind it.
        """
        if feature_class is FeatureClass.STRICT:
            return Windows(lifetime, lifetime)
        brief = self.brief(lifetime)
        begin = lifetime if brief else max(lifetime, self.ttl)
        revalidate = 0.0 if brief else self.stale_while_revalidate
        error = _A_DAY if feature_class is FeatureClass.LENIENT else self.stale_if_error
        return Windows(min(begin + revalidate, self.max_stale), min(begin + error, self.max_stale))

    def plan_allow(self, age: float, lifetime: float, feature_class: FeatureClass) -> Plan:
        """Decide what to do with a question that a snapshot answers with yes: admit on bounded evidence."""
        if 0 <= age < lifetime:
            return Plan.SERVE
        windows = self.lenience(feature_class, lifetime)
        if 0 <= age < windows.revalidate:
            return Plan.REFRESH
        return Plan.PREFER_FETCH if 0 <= age < windows.error else Plan.FETCH

    def plan_refusal(self, age: float, lifetime: float, live_feed: Callable[[], bool]) -> Plan:
        """Decide what to do with a question that a snapshot answers with no: refuse on fresh evidence.

        `live_feed` says whether changes are known to arrive, so that a snapshot may refuse for its whole time to live.
        """
        if not 0 <= age < lifetime:
            return Plan.FETCH
        return Plan.SERVE if age <= self.recheck_denial_after or live_feed() else Plan.VERIFY


_ABOVE_ZERO = frozenset({"ttl", "max_stale", "negative_ttl", "settle_ttl", "unsynced_ttl"})


def strictest(classes: Mapping[str, FeatureClass], features: Iterable[str]) -> FeatureClass:
    """Judge several features by the one that tolerates least."""
    if not classes:
        return FeatureClass.STANDARD
    order = (FeatureClass.STRICT, FeatureClass.STANDARD, FeatureClass.LENIENT)
    return min((classes.get(feature, FeatureClass.STANDARD) for feature in features), key=order.index)
