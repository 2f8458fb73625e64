"""The judge: decides one question, fetching when the snapshot at hand can't answer it.

A decision is written once, as a flow that yields whatever must be waited for; a thread blocks where a task awaits.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entitlements.cache.flight import Failure
from entitlements.cache.wait import Wait
from entitlements.clocks import Deadline
from entitlements.decision import Decision, Reason, Source
from entitlements.errors import UnknownFeature
from entitlements.freshness import FeatureClass, Plan, strictest
from entitlements.pinned import Pinned
from entitlements.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from entitlements.cache.engine import Cache
    from entitlements.cache.flight import Flight
    from entitlements.cache.snapshot import Snapshot
    from entitlements.catalog import Catalog, Contents
    from entitlements.freshness import Freshness
    from entitlements.requirement import Requirement
    from entitlements.settings import Limits

__all__ = ["Judge", "Rules"]

_ATTEMPTS: Final = 5  # fetches for one question: one that is superseded while it flies is made again
_KEYS_KEPT: Final = 10_000  # lookup keys that are refused on the hot path
_AT_ONCE: Final = 0.0  # the patience of a refresh that nobody waits for

_log = logging.getLogger("entitlements")
_seldom = Seldom(_log, seconds=60.0)


@dataclass(frozen=True, slots=True)
class Rules:
    """By what a judge decides.

    Attributes:
        freshness: the ages.
        limits: the deadlines.
        classes: features that tolerate less or more staleness than others.
        strict: whether an unknown lookup key is an error rather than a warning.
        live_feed: whether changes are known to arrive, so that a snapshot may refuse for its whole time to live.
    """

    freshness: Freshness
    limits: Limits
    classes: Mapping[str, FeatureClass]
    strict: bool
    live_feed: Callable[[], bool]


class Judge:
    """Decide what a customer may do, by the snapshots of a cache and the offers of a catalogue.

    Attributes:
        known_keys: lookup keys that may be refused without a word: the catalogue has them, or there is none.
        recheck_after: seconds of age up to which a refusal is given unverified.
    """

    def __init__(self, cache: Cache, catalog: Catalog, rules: Rules) -> None:
        self._cache = cache
        self._catalog = catalog
        self._rules = rules
        self.recheck_after: Final = rules.freshness.recheck_denial_after
        self.known_keys: Final[set[str]] = set()

    # --- one question ------------------------------------------------------------------------------------------------

    def decide(
        self, customer: str, need: Requirement, *, after: float | None = None, explain: bool = True
    ) -> Generator[Wait, None, Decision]:
        """Answer a question, and say what would turn a no into a yes.

        `after` asks for a fetch begun after that moment of real time. Without `explain`, nothing is waited for merely
        to explain a no.
        """
        snapshot = self._recent(customer, after)
        plan = self._plan(snapshot, need)
        if snapshot is not None and plan is Plan.SERVE:
            decision = self._answer(customer, need, snapshot, Source.CACHED)
        else:
            decision = yield from self._seek(customer, need, after, snapshot, plan)
        if decision.reason is Reason.NOT_ENTITLED:
            return (yield from self._explained(decision, self._held(customer), wait=explain))
        return decision

    def never_bought(self, need: Requirement, *, explain: bool = True) -> Generator[Wait, None, Decision]:
        """Refuse somebody whom Stripe has never heard of, without asking it."""
        decision = Decision(need, Reason.NO_CUSTOMER)
        return (yield from self._explained(decision, frozenset(), wait=explain))

    def by_pin(self, customer: str, need: Requirement, pin: Pinned) -> Generator[Wait, None, Decision]:
        """Answer from what a request has pinned, and from nothing else."""
        refused = Reason.UNAVAILABLE if pin.unavailable else Reason.NOT_ENTITLED
        reason = Reason.ENTITLED if need.met_by(pin) else refused
        # What can't refuse was too old for that when it was pinned.
        source = Source.NONE if pin.age is None else Source.STALE if pin.unavailable else Source.CACHED
        decision = Decision(need, reason, customer, source, pin.age)
        if reason is Reason.NOT_ENTITLED:
            return (yield from self._explained(decision, pin, wait=True))
        return decision

    def hold(self, customer: str) -> Generator[Wait, None, Pinned]:
        """Find the features to pin for a request."""
        snapshot = self._cache.look(customer)
        if snapshot is not None and 0 <= self._cache.age(snapshot) < snapshot.ttl:
            return self._pin(snapshot)
        until = self._deadline(brief=self._stale_pin(snapshot) is not None)
        learnt = self._learnt((yield from self._land(customer, snapshot, None, until)))
        if learnt is not None:
            return self._pin(learnt)
        return self._stale_pin(self._cache.look(customer)) or Pinned(unavailable=True)

    # --- how ---------------------------------------------------------------------------------------------------------

    def _seek(
        self, customer: str, need: Requirement, after: float | None, snapshot: Snapshot | None, plan: Plan
    ) -> Generator[Wait, None, Decision]:
        """Find an answer, by a fetch if the snapshot at hand doesn't give it."""
        deadline = self._deadline(brief=False)
        if plan is Plan.REFRESH:
            self._cache.begin(customer, seen=snapshot, patience=_AT_ONCE)
            # Beginning may have found that the table was replaced, and this snapshot then fell with all the others.
            plan = plan if self._stands_in(snapshot, need) else Plan.FETCH
        if snapshot is None or not self._answers(customer, plan):
            until = deadline if plan is Plan.FETCH else deadline.sooner(self._rules.limits.brief_deadline)
            flight = yield from self._land(customer, snapshot, after, until)
            if plan is not Plan.FETCH and not flight.failed and not self._stands_in(snapshot, need):
                # What was to stand in is known to be old by now, so there is the whole deadline to wait.
                flight = yield from self._land(customer, snapshot, after, deadline)
            learnt = self._learnt(flight)
            if learnt is not None:
                return self._answer(customer, need, learnt, Source.FETCHED, flight)
            if snapshot is None or not self._stands_in(snapshot, need):
                return self._unavailable(customer, need, flight)
        return self._answer(customer, need, snapshot, _RESTS_ON.get(plan, Source.CACHED))

    def _land(
        self, customer: str, seen: Snapshot | None, after: float | None, until: Deadline
    ) -> Generator[Wait, None, Flight]:
        """Wait for a fetch; make it again if a change became known while it flew."""
        attempts = 0
        while True:
            attempts += 1
            flight = self._cache.begin(customer, seen=seen, after=after, patience=until.remaining())
            if flight.outcome is None:
                yield Wait(flight, until)
            if attempts == _ATTEMPTS or until.passed or flight.failed or self._learnt(flight):
                return flight

    def _learnt(self, flight: Flight) -> Snapshot | None:
        """Give what a flight brought, if it did and nothing became known since it began."""
        snapshot = flight.outcome.snapshot if flight.outcome else None
        return snapshot if snapshot is not None and self._cache.stands(snapshot) else None

    def _recent(self, customer: str, after: float | None) -> Snapshot | None:
        snapshot = self._cache.look(customer)
        return snapshot if snapshot is not None and (after is None or snapshot.moment > after) else None

    def _held(self, customer: str) -> frozenset[str]:
        snapshot = self._cache.look(customer)
        return snapshot.features if snapshot is not None else frozenset()

    def _plan(self, snapshot: Snapshot | None, need: Requirement) -> Plan:
        if snapshot is None:
            return Plan.FETCH
        age, lifetime, freshness = self._cache.age(snapshot), snapshot.ttl, self._rules.freshness
        if need.met_by(snapshot.features):
            return freshness.plan_allow(age, lifetime, strictest(self._rules.classes, need.features))
        return freshness.plan_refusal(age, lifetime, self._rules.live_feed)

    def _answers(self, customer: str, plan: Plan) -> bool:
        """Say whether the snapshot answers without a fetch: verifying a refusal is a favour, done if it is cheap."""
        return plan in {Plan.SERVE, Plan.REFRESH} or (plan is Plan.VERIFY and not self._cache.affordable(customer))

    def _stands_in(self, snapshot: Snapshot | None, need: Requirement) -> bool:
        """Say whether a snapshot may still answer, now that the fetch it was held back for brought nothing."""
        return snapshot is not None and self._cache.stands(snapshot) and self._plan(snapshot, need) is not Plan.FETCH

    def _deadline(self, *, brief: bool) -> Deadline:
        limits = self._rules.limits
        return Deadline.after(limits.brief_deadline if brief else limits.deadline, now=self._cache.now)

    def _pin(self, snapshot: Snapshot) -> Pinned:
        return Pinned(snapshot.features, age=self._cache.age(snapshot))

    def _stale_pin(self, snapshot: Snapshot | None) -> Pinned | None:
        """Pin what an old snapshot may still admit; what it lacks, it can't refuse."""
        if snapshot is None:
            return None
        age = self._cache.age(snapshot)
        admitted = {key for key in snapshot.features if self._admits(snapshot, key, age)}
        return Pinned(admitted, age=age, unavailable=True) if admitted else None

    def _admits(self, snapshot: Snapshot, feature: str, age: float) -> bool:
        feature_class = self._rules.classes.get(feature, FeatureClass.STANDARD)
        return 0 <= age < self._rules.freshness.lenience(feature_class, snapshot.ttl).error

    # --- what is said ------------------------------------------------------------------------------------------------

    def _answer(
        self, customer: str, need: Requirement, snapshot: Snapshot, source: Source, flight: Flight | None = None
    ) -> Decision:
        return Decision(
            need,
            Reason.ENTITLED if need.met_by(snapshot.features) else Reason.NOT_ENTITLED,
            customer,
            source,
            self._cache.age(snapshot),
            request_id=flight.outcome.request_id if flight and flight.outcome else None,
        )

    def _unavailable(self, customer: str, need: Requirement, flight: Flight | None) -> Decision:
        outcome = flight.outcome if flight else None
        limit = self._rules.limits.deadline
        failure = outcome.failure if outcome else Failure(f"no usable answer within {limit:g} s", 1.0)
        # What was fetched fell: whatever time is left, whoever asks again will see the newest of these changes.
        failure = failure or Failure("changes became known faster than they could be fetched", 1.0)
        _seldom.warning("cannot tell whether a customer has %s: %s", str(need), failure.detail)
        return Decision(
            need,
            Reason.UNAVAILABLE,
            customer,
            retry_after=failure.retry_after,
            request_id=outcome.request_id if outcome else None,
            detail=failure.detail,
        )

    def _explained(self, decision: Decision, held: frozenset[str], *, wait: bool) -> Generator[Wait, None, Decision]:
        """Add to a no what would unlock it; complain about a key that doesn't exist."""
        contents = yield from self._contents(decision.requirement, wait=wait)
        if contents is None:
            if self._catalog.absent:
                self._know(decision.requirement)
            return decision
        key = contents.unknown(decision.requirement)
        if key is None:
            self._know(decision.requirement)
        elif not self._catalog.doubtful:
            self._complain(key, contents)
        missing = decision.requirement.missing_from(held)
        return replace(decision, unlock_with=contents.unlocks(missing, any_of=decision.requirement.any_of))

    def _know(self, need: Requirement) -> None:
        if len(self.known_keys) < _KEYS_KEPT:
            self.known_keys.update(need.features)

    def _contents(self, need: Requirement, *, wait: bool) -> Generator[Wait, None, Contents | None]:
        contents = self._catalog.current()
        if contents is not None and contents.unknown(need) is not None:
            self._catalog.doubt()  # the key may be newer than what was loaded
        lacking = contents is None or contents.unknown(need) is not None
        until = self._catalog.coming(self._rules.limits.brief_deadline)
        if wait and lacking and until is not None:
            yield Wait(self._catalog, until)
        return self._catalog.contents

    def _complain(self, key: str, contents: Contents) -> None:
        nearest = contents.nearest(key)
        hint = f"; did you mean {nearest!r}?" if nearest else "; create it in Stripe, or check its spelling"
        if self._rules.strict:
            raise UnknownFeature(f"no feature has the lookup key {key!r}{hint}")
        _seldom.warning("no feature has the lookup key %r%s", key, hint)


_RESTS_ON: Final = {Plan.REFRESH: Source.STALE, Plan.PREFER_FETCH: Source.STALE}
