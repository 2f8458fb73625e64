"""What one instance has done, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["FORKS", "HOST", "Stats"]

FORKS: Final = "this process and its forks"
HOST: Final = "every process of this host that shares the path"


@dataclass(frozen=True, slots=True)
class Stats:
    """Count what happened in this process since the instance was made, and say how far its word reaches.

    Hits are not counted: on the hot path a counter costs as much as the answer.

    Attributes:
        customers: snapshots in memory.
        fetches: lists begun at the source.
        failures: fetches that brought nothing.
        joined: questions that shared a fetch already under way.
        held_back: fetches not made, because a failure is remembered or the rate budget is spent.
        superseded: fetches thrown away, because a change became known while they flew.
        recalled: snapshots taken from another process of this host, or an earlier one.
        flying: fetches under way now.
        ttl: seconds a new snapshot lives: `Freshness.ttl`, or longer while the rate budget can't refresh everybody who
            is active that often.
        live_feed: whether changes are known to arrive.
        catalog_loaded: whether refusals can say what unlocks them.
        reach: where an invalidation made here is seen at once; elsewhere the `ttl` bounds what is old.
    """

    customers: int
    fetches: int
    failures: int
    joined: int
    held_back: int
    superseded: int
    recalled: int
    flying: int
    ttl: float
    live_feed: bool
    catalog_loaded: bool
    reach: str = FORKS
