"""The exchange: gives this process's snapshots to a store that others read, and takes theirs.

A snapshot keeps the age it has: what crosses a process or a restart carries the moments its fetch began, on the clock
of this boot and on the wall's, and is judged by whichever says that it is older.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from entitlements.cache.envelope import Stored, age
from entitlements.cache.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from entitlements.cache.flight import Flight
    from entitlements.cache.seams import Seams

__all__ = ["Exchange", "Store"]


class Store(Protocol):
    """Where snapshots are kept for other processes; it may lose any of them, at any time."""

    def recall(self, customer: str) -> Stored | None: ...

    def keep(self, stored: Stored) -> None: ...

    def counts(self, ages: Sequence[float]) -> Iterator[int]: ...


class Exchange:
    """Keep and recall one scope's snapshots."""

    def __init__(self, store: Store, *, scope: str, seams: Seams) -> None:
        self.store: Final = store
        self._scope = scope
        self._seams = seams

    def keep(self, flight: Flight, snapshot: Snapshot) -> None:
        """Give a snapshot away, with the moments its fetch began."""
        self.store.keep(
            Stored(
                scope=self._scope,
                customer=flight.customer,
                features=snapshot.features,
                token=snapshot.token,
                boot=flight.boot,
                wall=flight.wall,
                lifetime=snapshot.ttl,
            )
        )

    def recall(
        self, customer: str, *, slot: int, token: float, now: float, share: Callable[[frozenset[str]], frozenset[str]]
    ) -> Snapshot | None:
        """Take what stands behind a token, as a snapshot that is as old here as it is anywhere."""
        stored = self.store.recall(customer)
        if stored is None or stored.token != token:
            return None
        real = self._seams.now()  # before the age is read: who is held up in between must not take it for younger
        old = age(stored, self._seams.boot(), self._seams.wall())
        if old is None:
            return None
        return Snapshot(
            share(stored.features),
            token=stored.token,
            slot=slot,
            began=now - old,
            moment=real - old,
            deadline=now - old + stored.lifetime,
        )
