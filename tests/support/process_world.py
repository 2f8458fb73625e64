"""The world that a crowd of processes shares: what is true, what was acknowledged, and what each of them saw.

It is a file of 64-bit words, mapped by every process. A word is written whole, by one process at a time: so nothing is
locked, and a process may be killed at any instruction.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CUSTOMERS", "MAILBOX", "TALLIES", "WORKERS", "WORLD_SIZE", "World"]

CUSTOMERS: Final = 64
WORKERS: Final = 16
MAILBOX: Final = 8  # orders that wait for one worker
TALLIES: Final = ("decisions", "cached", "hot", "unsure", "changes", "fetches", "recalled")
_DELAYS: Final = 40  # one a power of two of microseconds
_NOTE: Final = 8
WORLD_SIZE: Final = 8 * (5 * CUSTOMERS + _NOTE + 1 + WORKERS * (MAILBOX + len(TALLIES) + _DELAYS))


class World:
    """The words, by what they mean.

    Attributes:
        truth: each customer's version, as the source would tell it now.
        wanted: the version that a customer's change under way leads to.
        acked: the version that was acknowledged: no decision that begins now may rest on an older one.
        acked_at: when it was, in nanoseconds of the clock that all processes read alike.
        seen: the newest acknowledged version that some decision was seen to rest on.
        stop: whether everybody is to come to an end.
        violation: what was wrong, told by the first who saw it: see `accuse`.
        mail: the orders waiting for a worker; 0 where there is none.
        tallies: what a worker counted, over all its lives.
        delays: how many first decisions came so many microseconds after the acknowledgement, by powers of two.
    """

    def __init__(self, path: str | Path) -> None:
        with open(path, "r+b") as file:  # noqa: PTH123 - a path may come by argument
            words = memoryview(mmap.mmap(file.fileno(), WORLD_SIZE)).cast("Q")
        taken = 0

        def take(count: int) -> memoryview[int]:
            nonlocal taken
            taken += count
            return words[taken - count : taken]

        self.truth, self.wanted, self.acked, self.acked_at, self.seen = (take(CUSTOMERS) for _ in range(5))
        self.violation = take(_NOTE)
        self._stop = take(1)
        self.mail = [take(MAILBOX) for _ in range(WORKERS)]
        self.tallies = [take(len(TALLIES)) for _ in range(WORKERS)]
        self.delays = [take(_DELAYS) for _ in range(WORKERS)]

    @staticmethod
    def made(path: Path) -> World:
        """Make a new world, in which nothing has happened yet."""
        path.write_bytes(bytes(WORLD_SIZE))
        return World(path)

    @property
    def stop(self) -> bool:
        return bool(self._stop[0])

    def end(self) -> None:
        self._stop[0] = 1

    def accuse(self, worker: int, customer: int, floor: int, version: int, kind: int) -> None:
        """Note a stale decision, and end the world: the first one says enough."""
        if not self.stop:
            self.violation[1:6] = memoryview(bytes(40)).cast("Q")
            for index, word in enumerate((worker, customer, floor, version, kind), start=1):
                self.violation[index] = word
            self.violation[0] = 1
        self.end()

    def late(self, worker: int, nanoseconds: int) -> None:
        """Count the first decision after an acknowledgement by how long it took to come."""
        self.delays[worker][min(_DELAYS - 1, (max(0, nanoseconds) // 1_000).bit_length())] += 1

    def total(self, tally: str) -> int:
        return sum(self.tallies_of(tally))

    def tallies_of(self, tally: str) -> list[int]:
        index = TALLIES.index(tally)
        return [words[index] for words in self.tallies]

    def delay(self, share: float) -> int:
        """Give the microseconds within which this share of the first decisions came, rounded up to a power of two."""
        counts = [sum(words[power] for words in self.delays) for power in range(_DELAYS)]
        so_far, enough = 0, share * sum(counts)
        for power, count in enumerate(counts):
            so_far += count
            if so_far >= enough:
                return 1 << power
        return 1 << _DELAYS
