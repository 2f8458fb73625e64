"""Remember failures: a source that just failed is not asked again for a while.

One customer's failure holds back that customer. Failures of several fetches in a row, with no success between them,
hold back everybody: then one probe at a time finds out whether the source is well again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Backoff", "Blocked"]

FIRST: Final = 1.0  # seconds
LONGEST: Final = 15.0
_IN_A_ROW: Final = 4  # failures that make it the source's fault
_EVERYBODY: Final = ""  # no customer has an empty id


@dataclass(frozen=True, slots=True)
class Blocked:
    """From when until when nothing is asked, and why."""

    opened: float
    until: float
    detail: str
    failures: int


class Backoff:
    """Keep a window after each failure, doubling from one second to fifteen; a success forgets.

    It takes real time, and whoever holds the cache's lock.
    """

    def __init__(self, now: Callable[[], float], random: Callable[[], float]) -> None:
        self._now = now
        self._random = random
        self._blocks: LRUCache[str, Blocked] = LRUCache(10_000)
        self._in_a_row = 0

    def blocked(self, customer: str) -> Blocked | None:
        """Find the window that this customer, or the whole source, is in."""
        now = self._now()
        for key in (customer, _EVERYBODY):
            block = self._blocks.get(key)
            if block is not None and now < block.until:
                return block
        return None

    def failing(self, customer: str) -> bool:
        """Say whether the last that was heard of the source is a failure, which holds for this customer too."""
        return self._in_a_row > 0 and (customer in self._blocks or _EVERYBODY in self._blocks)

    def probing(self) -> None:
        """Let the fetch that begins now find out for everybody: the others wait for what it learns."""
        block = self._blocks.get(_EVERYBODY)
        if block is not None:
            self._blocks[_EVERYBODY] = replace(block, until=self._now() + FIRST)

    def failed(self, customer: str, detail: str, *, began: float, everybody: bool = True) -> Blocked:
        """Open or widen the window after the failure of a fetch that began at some moment.

        `everybody` says whether such a failure may be the source's, rather than one customer's.
        """
        self._in_a_row += everybody
        if everybody and self._in_a_row >= _IN_A_ROW:
            self._widen(_EVERYBODY, detail, began)
        return self._widen(customer, detail, began)

    def succeeded(self, customer: str) -> None:
        """Forget what was held against this customer and the source."""
        self._in_a_row = 0
        self._blocks.pop(customer, None)
        self._blocks.pop(_EVERYBODY, None)

    def _widen(self, key: str, detail: str, began: float) -> Blocked:
        before = self._blocks.get(key)
        if before is not None and began < before.opened:
            return before  # it failed together with the one that opened the window: the same trouble, told twice
        failures = before.failures + 1 if before else 1
        window = min(FIRST * 2 ** (failures - 1), LONGEST) * (1 - self._random() / 4)  # never all at once
        block = Blocked(self._now(), self._now() + window, detail, failures)
        self._blocks[key] = block
        return block
