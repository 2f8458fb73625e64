"""The memory store: snapshots of a bounded number of customers, evicted by CLOCK.

A hit sets one bit and reorders nothing, so reading takes no lock. Writers hold the cache's lock.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache

if TYPE_CHECKING:
    from entitlements.cache.snapshot import Snapshot

__all__ = ["FeatureSets", "MemoryStore"]


class MemoryStore:
    """Keep the snapshots of at most `capacity` customers.

    `entries` is read directly, by the hot path too; everything else is for whoever holds the cache's lock.
    """

    def __init__(self, capacity: int) -> None:
        self.entries: Final[dict[str, Snapshot]] = {}
        self._capacity = capacity
        # Customers in the order of their second chances. Walking the dict itself would walk its tombstones.
        self._queue: deque[str] = deque()

    def put(self, customer: str, snapshot: Snapshot) -> None:
        """Keep a snapshot in place of the one before."""
        if customer not in self.entries:
            self._make_room()
            self._queue.append(customer)
        self.entries[customer] = snapshot

    def drop(self, customer: str) -> None:
        """Forget a customer."""
        if self.entries.pop(customer, None) is not None and len(self._queue) > 2 * len(self.entries) + 64:
            self.requeue()  # forgotten customers leave their names in the queue; it is bounded all the same

    def clear(self) -> None:
        """Forget everybody."""
        self.entries.clear()
        self._queue.clear()

    def requeue(self) -> None:
        """Rebuild the queue from the entries, as a forked child must: the parent may have been between two steps."""
        self._queue = deque(self.entries)

    def _make_room(self) -> None:
        while len(self.entries) >= self._capacity:
            customer = self._queue.popleft()
            snapshot = self.entries.get(customer)
            if snapshot is None:
                continue
            if snapshot.visited:
                snapshot.visited = False
                self._queue.append(customer)
            else:
                del self.entries[customer]


class FeatureSets:
    """Share one frozenset among all customers who hold the same features: there are few plans and many customers."""

    def __init__(self, capacity: int = 4096) -> None:
        self._sets: LRUCache[frozenset[str], frozenset[str]] = LRUCache(capacity)

    def shared(self, features: frozenset[str]) -> frozenset[str]:
        """Give the one set that equals this one."""
        known = self._sets.get(features)
        if known is None:
            self._sets[features] = known = features
        return known
