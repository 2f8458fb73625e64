"""The cache: a state machine of snapshots, fences and flights that never waits.

Clocks, random, spawning and alarms are passed in, so that the same code runs under threads, under asyncio and in a
simulator on one thread.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from entitlements.cache.answers import Answers
from entitlements.cache.backoff import FIRST, Backoff
from entitlements.cache.flight import Failure, Flight, Outcome
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


class Cache(Answers):
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
        tell: Callable[[Fetch], object] | None = None,
    ) -> None:
        super().__init__(
            scope=scope, fences=fences, freshness=freshness, limits=limits, rate=rate, seams=seams, exchange=exchange
        )
        self._source = source
        self._limits = limits
        self._rate = rate
        self._tell = tell
        self.tally: Final = Tally()
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        """Let go of what belongs to another process, as a forked child must; snapshots and fences stay."""
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}
        self._backoff = Backoff(self.now, self._seams.draw)

    # --- reading -----------------------------------------------------------------------------------------------------

    def affordable(self, customer: str) -> bool:
        """Say whether a fetch that isn't urgent may be made now."""
        flying = self._flights.get(customer)
        if flying is not None and flying.token == self._fences.tokens[flying.slot]:
            return True
        with self._lock:
            held_back = self._backoff.blocked(customer)
        return held_back is None and self._rate.free()

    def failing(self, customer: str) -> bool:
        """Say whether the source fails just now, as far as this customer knows."""
        with self._lock:
            return self._backoff.failing(customer)

    @property
    def flying(self) -> int:
        """Count the fetches under way."""
        return len(self._flights)

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
        mine: Flight | None = None
        try:
            with self._lock:
                token = self._fences.token(slot)
                flight = self._under_way(customer)
                if flight is not None and flight.token == token and (after is None or flight.moment > after):
                    self.tally.joined += 1
                    return flight
                landed = self.shelf.get(customer)
                flight = self._new(customer, slot, token)
                if landed is not None and landed is not seen and self._suits(landed, after):
                    self.tally.joined += 1
                    flight.land(Outcome(landed))
                    return flight
                turn = self._turn(flight, patience, lost)
                if turn is None:
                    return flight
                flight.delayed(turn)
                self._flights[customer] = mine = flight
                self.tally.fetches += 1
            self._launch(flight, turn)
        except BaseException:  # a signal's handler may raise anywhere; others may wait for this flight already
            if mine is not None:
                self._ground(mine, "the question that began this fetch was interrupted")
            raise
        return flight

    def _new(self, customer: str, slot: int, token: float) -> Flight:
        return Flight(
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
        """Let a flight take off at its turn. No thread of the pool waits for that, or strangers would take them all."""
        try:
            self._at(flight.deadline.at, flight, self._expire)
            if turn > 0:
                self._at(self.now() + turn, flight, self._take_off)
            else:
                self._take_off(flight)
        except RuntimeError as error:  # no watchdog can be started: the interpreter ends, or the system is full
            self._ground(flight, str(error))

    def _at(self, moment: float, flight: Flight, call: Callable[[Flight], object]) -> None:
        """Have something done with a flight at a moment, unless it has landed by then."""
        alarm = self._seams.alarm(moment, partial(call, flight))
        flight.on_landing(alarm.cancel)

    def _take_off(self, flight: Flight) -> None:
        try:
            room = self._seams.spawn(partial(self._fly, flight))
        except RuntimeError as error:  # no thread can be started: see `_launch`
            self._ground(flight, str(error))
            return
        if not room:
            self._ground(flight, "too many customers are being fetched at once")

    def _ground(self, flight: Flight, detail: str) -> None:
        """Land a flight that never took off; that is no failure of the source."""
        with self._lock:
            self._leave(flight)
        self._hold_back(flight, detail, FIRST)

    def _fly(self, flight: Flight) -> None:
        if flight.outcome is not None:
            return  # given up while it waited for a thread
        flight.asked = True
        try:
            holding = self._source.fetch(flight.customer, flight.deadline)
            self._complete(flight, holding)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            self._fail(flight, _describe(error), error)
            if not isinstance(error, Exception):
                _log.exception("a fetch died")
        finally:
            self._report(flight)
            self.capacity.recount()  # here, where nobody waits any more: a hundred thousand aren't counted in no time

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
        if not flight.asked:
            self._ground(flight, "too many customers are being fetched at once")
            return
        self._fail(flight, f"no complete answer within {self._limits.deadline:g} s")

    def _report(self, flight: Flight) -> None:
        """Tell an observer what a fetch came to, on the thread that made it."""
        if self._tell is None:
            return
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
