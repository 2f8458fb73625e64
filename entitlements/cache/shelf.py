"""The shelf: one process's snapshots, with newcomers who hold nothing kept apart, where they can't push a payer out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache

from entitlements.cache.memory import FeatureSets, MemoryStore
from entitlements.forks import reset_in_child

if TYPE_CHECKING:
    from entitlements.cache.snapshot import Snapshot

__all__ = ["Shelf"]

_NEWCOMERS_KEPT: Final = 10_000


class Shelf:
    """Keep the snapshots of a bounded number of customers, and of some newcomers.

    A newcomer is a customer Stripe doesn't know, or one who holds nothing and is seen for the first time: a stranger's
    random id looks like either. Whoever holds something, or is fetched a second time, has a place among the customers.

    Attributes:
        customers: the store of customers proper; the hot path reads its entries.
    """

    def __init__(self, capacity: int) -> None:
        self.customers: Final = MemoryStore(capacity)
        self._closed = False
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        """Let go of the lock, and of what another thread may have been changing, as a forked child must."""
        self._lock = threading.Lock()
        self._newcomers: LRUCache[str, Snapshot] = LRUCache(_NEWCOMERS_KEPT)
        self._sets = FeatureSets()
        self.customers.requeue()

    def get(self, customer: str) -> Snapshot | None:
        """Find a customer's snapshot, whether or not it stands."""
        snapshot = self.customers.entries.get(customer)
        if snapshot is None:
            with self._lock:  # cachetools reorders on a read
                snapshot = self._newcomers.get(customer)
        return snapshot

    def put(self, customer: str, snapshot: Snapshot, *, known: bool) -> bool:
        """Keep a snapshot, unless there is a newer one; return whether it was kept."""
        with self._lock:
            before = self.customers.entries.get(customer) or self._newcomers.get(customer)
            if self._closed or (before is not None and _newer(before, snapshot)):
                return False
            proper = known and (bool(snapshot.features) or before is not None)
            if proper:
                self._newcomers.pop(customer, None)
                self.customers.put(customer, snapshot)
            else:
                self.customers.drop(customer)
                self._newcomers[customer] = snapshot
            return True

    def shared(self, features: frozenset[str]) -> frozenset[str]:
        """Give the one set that stands for all who hold these features."""
        with self._lock:
            return self._sets.shared(features)

    def close(self) -> None:
        """Forget everybody, and remember nobody from here on."""
        with self._lock:
            self._closed = True
            self.customers.clear()
            self._newcomers.clear()


def _newer(before: Snapshot, after: Snapshot) -> bool:
    """Say whether a fetch that was given up arrives after a newer one behind the same fence."""
    return before.token == after.token and before.moment > after.moment
