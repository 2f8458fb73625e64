"""The cache: a state machine of snapshots, fences and flights that never waits.

Clocks, random, spawning and alarms are passed in, so that the same code runs under threads, under asyncio and in a
simulator on one thread.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final

from entitlements.cache.backoff import FIRST, Backoff
from entitlements.cache.capacity import Capacity
from entitlements.cache.flight import Failure, Flight, Outcome
from entitlements.cache.shelf import Shelf
from entitlements.cache.snapshot import Snapshot
from entitlements.clocks import Deadline
from entitlements.errors import InvalidSettings, StripeError
from entitlements.forks import reset_in_child
from entitlements.observed import Fetch, FetchOutcome
from entitlements.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.cache.exchange import Exchange
    from entitlements.cache.fences import Fences
    from entitlements.cache.seams import Rate, Seams
    from entitlements.freshness import Freshness
    from entitlements.requirement import Requirement
    from entitlements.settings import Limits
    from entitlements.sources.contract import Holding, Source

__all__ = ["Cache", "Tally"]

_log = logging.getLogger("entitlements")
_seldom = Seldom(_log)


@dataclass(slots=True)
class Tally:
    """What happened so far, for `stats()`."""

    fetches: int = 0
    failures: int = 0
    joined: int = 0
    held_back: int = 0  # not fetched: a failure is remembered, or the rate budget is spent
    superseded: int = 0  # fetched, and thrown away because a fence had been raised meanwhile
    recalled: int = 0  # not fetched: another process of this host, or an earlier one, had


class Cache:
    """Know one scope's customers: look, begin a fetch, complete it, fail it, expire it."""

    def __init__(  # noqa: PLR0913 - the seams of the state machine
        self,
        source: Source,
        *,
        scope: str,
        fences: Fences,
        freshness: Freshness,
        limits: Limits,
        rate: Rate,
        seams: Seams,
        exchange: Exchange | None = None,
        tell: Callable[[Fetch], object] = id,
    ) -> None:
        self._source = source
        self._scope = scope
        self._fences = fences
        self._freshness = freshness
        self._limits = limits
        self._rate = rate
        self._seams = seams
        self._exchange = exchange
        self._tell = tell
        self.now: Final = seams.now
        self.tally: Final = Tally()
        self.shelf: Final = Shelf(limits.customers)
        self.capacity: Final = Capacity(freshness, rate.sustained, count=self._active, clock=self.clock)
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        """Let go of what belongs to another process, as a forked child must; snapshots and fences stay."""
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}
        self._backoff = Backoff(self.now, self._seams.draw)

    # --- reading -----------------------------------------------------------------------------------------------------

    def clock(self) -> float:
        """Read the clock that judges ages."""
        return self._seams.clock() if self._seams.clock else monotonic()

    def slot(self, customer: str) -> int:
        """Find the customer's fence."""
        return self._fences.slot(self._scope, customer)

    def look(self, customer: str) -> Snapshot | None:
        """Find the customer's snapshot, if its fence stands: this process's, or a newer one of this host's."""
        snapshot = self.shelf.get(customer)
        if snapshot is not None and not self.stands(snapshot):
            snapshot = None
        now = self.clock()
        if snapshot is None or not snapshot.began <= now < snapshot.deadline:
            snapshot = self._stretched(customer, self._recalled(customer, snapshot, now), now)
        if snapshot is not None:
            snapshot.visited = True
        return snapshot

    def stands(self, snapshot: Snapshot) -> bool:
        """Say whether nothing became known since the fetch behind this began."""
        return self._fences.tokens[snapshot.slot] == snapshot.token != 0

    def admits(self, customer: object, need: Requirement) -> bool:
        """Say whether a snapshot within its time to live admits; false says nothing yet."""
        if not isinstance(customer, str):
            return False
        snapshot = self.look(customer)
        return (
            snapshot is not None
            and snapshot.began <= self.clock() < snapshot.deadline
            and need.met_by(snapshot.features)
        )

    def age(self, snapshot: Snapshot) -> float:
        """Count the seconds since the fetch behind a snapshot began."""
        return self.clock() - snapshot.began

    def affordable(self, customer: str) -> bool:
        """Say whether a fetch that isn't urgent may be made now."""
        flying = self._flights.get(customer)
        if flying is not None and flying.token == self._fences.tokens[flying.slot]:
            return True
        with self._lock:
            held_back = self._backoff.blocked(customer)
        return held_back is None and self._rate.free()

    @property
    def flying(self) -> int:
        """Count the fetches under way."""
        return len(self._flights)

    @property
    def customers(self) -> int:
        """Count the customers remembered."""
        return len(self.shelf.customers.entries)

    def _recalled(self, customer: str, here: Snapshot | None, now: float) -> Snapshot | None:
        """Find what another process of this host fetched, if it is newer than what is here."""
        if self._exchange is None:
            return here
        slot = self.slot(customer)
        token = self._fences.tokens[slot]
        there = self._exchange.recall(customer, slot=slot, token=token, now=now, share=self.shelf.shared)
        if there is None or (here is not None and there.began <= here.began):
            return here
        self.tally.recalled += 1
        self.shelf.put(customer, there, known=True)
        return there

    def _stretched(self, customer: str, snapshot: Snapshot | None, now: float) -> Snapshot | None:
        """Give a snapshot the longer life that everybody's has by now, if the budget can't pay for a shorter one."""
        if snapshot is None or now < snapshot.deadline or self._freshness.brief(snapshot.ttl):
            return snapshot
        deadline = snapshot.began + self._lifetime()
        if deadline <= snapshot.deadline:
            return snapshot
        longer = snapshot.until(deadline)
        self.shelf.put(customer, longer, known=True)
        return longer

    def _lifetime(self, *, settling: bool = False, known: bool = True) -> float:
        return self._freshness.lifetime(
            settling=settling, known=known, random=self._seams.draw(), affordable=self.capacity.seconds()
        )

    def _active(self, seconds: float) -> int:
        """Count the customers whose snapshot is younger than some seconds, on this host if it has a store."""
        now = self.clock()
        here = sum(now - snapshot.began < seconds for snapshot in list(self.shelf.customers.entries.values()))
        return max(here, self._exchange.store.count(seconds)) if self._exchange else here

    # --- changing ----------------------------------------------------------------------------------------------------

    def invalidate(self, customer: str) -> None:
        """Raise the customer's fence: a change became known."""
        self._fences.raise_(self.slot(customer))

    def begin(self, customer: str, *, seen: Snapshot | None, after: float | None = None, patience: float) -> Flight:
        """Join the fetch under way for a customer, or begin one.

        Only a fetch that carries today's token may be joined, and only one begun after `after` (a real moment), if that
        is given. `seen` is what the caller found not to be enough: where something else stands by now, that landed
        between the look and this call, and is as good as a fetch joined. A fetch that can't be made comes back as a
        flight that has landed, with its failure.
        """
        slot = self.slot(customer)
        lost = self._lost_ground()
        with self._lock:
            token = self._fences.token(slot)
            flight = self._under_way(customer)
            if flight is not None and flight.token == token and (after is None or flight.moment > after):
                self.tally.joined += 1
                return flight
            landed = self.shelf.get(customer)
            flight = Flight(
                customer,
                slot=slot,
                token=token,
                began=self.clock(),
                moment=self.now(),
                boot=self._seams.boot(),
                wall=self._seams.wall(),
                deadline=Deadline.after(self._limits.deadline, now=self.now),
                settling=self._fences.settling(token, self._freshness.settle),
            )
            if landed is not None and landed is not seen and self._suits(landed, after):
                self.tally.joined += 1
                flight.land(Outcome(landed))
                return flight
            turn = self._turn(flight, patience, lost)
            if turn is None:
                return flight
            self._flights[customer] = flight
            self.tally.fetches += 1
        self._launch(flight, turn)
        return flight

    def _under_way(self, customer: str) -> Flight | None:
        """Find a customer's flight, unless it is overdue.

        A process that was stopped, or starved, finds its flights as they were, and their replies may be at hand before
        anybody could give them up: however old they are by then.
        """
        flight = self._flights.get(customer)
        return flight if flight is not None and not flight.deadline.passed else None

    def _suits(self, snapshot: Snapshot, after: float | None) -> bool:
        if not self.stands(snapshot) or not snapshot.began <= self.clock() < snapshot.deadline:
            return False  # what arrives long after it was given up is as old as it is
        return after is None or snapshot.moment > after

    def close(self) -> None:
        """Forget everybody, and remember nobody from here on."""
        self.shelf.close()

    def _lost_ground(self) -> str | None:
        """Make sure that the table is still the one where others look; say why not, where none can be had.

        Behind a fence that nobody else raises, nothing may be fetched.
        """
        try:
            if self._fences.replaced():
                self._fences.reattach()
        except InvalidSettings as trouble:
            return str(trouble)
        return None

    def _turn(self, flight: Flight, patience: float, lost: str | None) -> float | None:
        """Find the seconds to wait for a turn; or land the flight, which never took off."""
        if lost is not None:
            self._hold_back(flight, lost, FIRST)
            return None
        blocked = self._backoff.blocked(flight.customer)
        if blocked is not None:
            self._hold_back(flight, blocked.detail, blocked.until - self.now())
            return None
        turn = self._rate.reserve(patience, known=flight.customer in self.shelf.customers.entries)
        if turn is None:
            self._hold_back(flight, "the budget of requests to Stripe is spent for now", FIRST)
            return None
        self._backoff.probing()
        return turn

    def _hold_back(self, flight: Flight, detail: str, retry_after: float) -> None:
        self.tally.held_back += 1
        flight.land(Outcome(failure=Failure(detail, retry_after)))

    def _launch(self, flight: Flight, turn: float) -> None:
        try:
            alarm = self._seams.alarm(flight.deadline.at, partial(self._expire, flight))
            flight.on_landing(alarm.cancel)
            room = self._seams.spawn(partial(self._fly, flight, turn))
        except (
            RuntimeError
        ) as error:  # no thread can be started: the interpreter is shutting down, or the system is full
            self._ground(flight, str(error))
            return
        if not room:
            self._ground(flight, "too many customers are being fetched at once")

    def _ground(self, flight: Flight, detail: str) -> None:
        """Land a flight that never took off; that is no failure of the source."""
        with self._lock:
            self._leave(flight)
        self._hold_back(flight, detail, FIRST)

    def _fly(self, flight: Flight, turn: float) -> None:
        try:
            if turn > 0:
                self._seams.sleep(turn)
            if flight.outcome is not None:
                return  # given up while it waited for its turn
            holding = self._source.fetch(flight.customer, flight.deadline)
            self._complete(flight, holding)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            self._fail(flight, _describe(error), error)
            if not isinstance(error, Exception):
                _log.exception("a fetch died")
        finally:
            self._report(flight)

    def _complete(self, flight: Flight, holding: Holding) -> None:
        """Keep what a fetch learnt, under the token noted before it began."""
        snapshot = self._snapshot(flight, holding)
        stood = self.stands(snapshot)
        kept = stood and self.shelf.put(flight.customer, snapshot, known=holding.known)
        with self._lock:
            self.tally.superseded += not stood
            self._backoff.succeeded(flight.customer)
            self._leave(flight)
        if not holding.known:
            _seldom.warning("Stripe knows no customer %r in this account and mode", flight.customer)
        flight.land(Outcome(snapshot, stood=stood, request_id=holding.request_id))
        if kept and holding.known and self._exchange is not None:
            self._exchange.keep(flight, snapshot)  # behind: whoever waited has the answer

    def _snapshot(self, flight: Flight, holding: Holding) -> Snapshot:
        lifetime = self._lifetime(settling=flight.settling, known=holding.known)
        return Snapshot(
            self.shelf.shared(frozenset(holding.features)),
            token=flight.token,
            slot=flight.slot,
            began=flight.began,
            moment=flight.moment,
            deadline=flight.began + lifetime,
        )

    def _fail(self, flight: Flight, detail: str, error: BaseException | None = None) -> None:
        """Land a flight with a failure, and remember that it failed."""
        with self._lock:
            if flight.outcome is not None:
                return
            self._leave(flight)
            self.tally.failures += 1
            everybody = not isinstance(error, StripeError) or error.concerns_everybody
            blocked = self._backoff.failed(flight.customer, detail, began=flight.moment, everybody=everybody)
        retry_after = max(blocked.until - self.now(), 0.0)
        request_id = error.request_id if isinstance(error, StripeError) else None
        flight.land(Outcome(failure=Failure(detail, retry_after), request_id=request_id))

    def _expire(self, flight: Flight) -> None:
        """Give a flight up at its deadline, wherever its thread may hang."""
        self._fail(flight, f"no complete answer within {self._limits.deadline:g} s")

    def _report(self, flight: Flight) -> None:
        """Tell an observer what a fetch came to, on the thread that made it."""
        outcome = flight.outcome or Outcome()
        came_to = FetchOutcome.COMPLETE if outcome.stood else FetchOutcome.SUPERSEDED
        self._tell(
            Fetch(
                customer=flight.customer,
                outcome=came_to if outcome.snapshot else FetchOutcome.FAILED,
                seconds=self.now() - flight.moment,
                detail=outcome.failure.detail if outcome.failure else None,
                request_id=outcome.request_id,
            )
        )

    def _leave(self, flight: Flight) -> None:
        if self._flights.get(flight.customer) is flight:
            del self._flights[flight.customer]


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
