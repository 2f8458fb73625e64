"""Answers: the snapshots that a process may answer from, its own and those of its host."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from entitlements import overridden
from entitlements.cache.capacity import Capacity, younger
from entitlements.cache.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from entitlements.cache.exchange import Exchange
    from entitlements.cache.fences import Fences
    from entitlements.cache.seams import Rate, Seams
    from entitlements.cache.snapshot import Snapshot
    from entitlements.freshness import Freshness
    from entitlements.settings import Limits

__all__ = ["Answers"]


class Answers:
    """Look for what is known of one scope's customers, and judge how old it is.

    Attributes:
        now: real seconds.
        shelf: the snapshots of this process.
        warm: the snapshots of known customers, for the hot paths; nothing where they may not be taken.
        tokens: the fence table's, for the hot paths.
        capacity: how often the rate budget can pay for everybody's refresh.
        recalled: how many snapshots were taken from another process of this host, or an earlier one.
    """

    def __init__(  # noqa: PLR0913 - what is asked for an answer
        self,
        *,
        scope: str,
        fences: Fences,
        freshness: Freshness,
        limits: Limits,
        rate: Rate,
        seams: Seams,
        exchange: Exchange | None,
    ) -> None:
        self._scope = scope
        self._fences = fences
        self._freshness = freshness
        self._seams = seams
        self._exchange = exchange
        self.now: Final = seams.now
        self.shelf: Final = Shelf(limits.customers)
        self.capacity: Final = Capacity(freshness, rate.sustained, count=self._active, clock=self.clock)
        self.recalled = 0
        # The hot paths read these by `monotonic`. With a clock of its own, an instance finds nothing on them; nor does
        # any while a test overrides something.
        self.warm: Mapping[str, Snapshot] = {}
        overridden.on_switch(self._take_warm)
        fences.on_move(self._take_tokens)
        self._take_tokens()
        if exchange is not None:
            # What lives too briefly by now was kept by earlier processes; the first to ask must find it alive.
            self.capacity.recount()

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

    def admits(self, customer: object, feature: str) -> bool:
        """Say whether a snapshot within its time to live holds a feature; false says nothing yet.

        It is the gates' hot path, as `Entitlements.has_feature` is everybody else's.
        """
        try:
            snapshot = self.warm[customer]  # type: ignore[index]  # whatever isn't an id isn't found
        except (KeyError, TypeError):
            return False
        if (
            self.tokens[snapshot.slot] != snapshot.token
            or not snapshot.began <= monotonic() < snapshot.deadline
            or feature not in snapshot.features
        ):
            return False
        snapshot.visited = True
        return True

    def _take_warm(self) -> None:
        self.warm = {} if self._seams.clock or overridden.anywhere else self.shelf.customers.entries

    def _take_tokens(self) -> None:
        self.tokens = self._fences.tokens

    def age(self, snapshot: Snapshot) -> float:
        """Count the seconds since the fetch behind a snapshot began."""
        return self.clock() - snapshot.began

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
        self.recalled += 1
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
            settling=settling, known=known, random=self._seams.draw(), affordable=self.capacity.seconds
        )

    def _active(self, ages: Sequence[float]) -> Iterator[float]:
        """Count, for one age after another, the customers whose snapshot is younger: here, or on the whole host."""
        here = younger(self.shelf.customers.entries, ages, self.clock())
        if self._exchange is None:
            return here
        return map(max, here, self._exchange.store.counts(ages))
