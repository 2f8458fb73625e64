"""How the benchmarks measure and how they say it: samples beside their baseline, medians, a table, goals.

A ratio is what to carry away: it comes from samples taken right after each other, in one run, so a noisy machine makes
both slower. Nanoseconds belong to the machine they were taken on.
"""

from __future__ import annotations

import gc
import random
from dataclasses import dataclass
from statistics import median
from timeit import Timer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Contestant", "Goal", "Timing", "compare", "table", "verdict"]

_SAMPLE: Final = 0.002  # seconds of a sample; a baseline's is half of that, and there are two of them


@dataclass(frozen=True)
class Contestant:
    """A statement that is timed for each `c` of `ids`, beside another one that is its baseline.

    Attributes:
        statement: in terms of `c` and `names`.
        names: what the statement uses, and `ids`.
        against: the baseline's name among the contestants.
    """

    statement: str
    names: Mapping[str, object]
    against: str


@dataclass(frozen=True)
class Timing:
    """What a contestant took: nanoseconds for one, and how many times its baseline; the medians, and the least."""

    nanoseconds: float
    least: float
    ratio: float


@dataclass(frozen=True)
class Goal:
    """What must hold, as a number that may not be above its limit."""

    what: str
    value: float
    limit: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


class _Stopwatch:
    """Time a statement: seconds for one, with the empty loop taken off."""

    def __init__(self, contestant: Contestant) -> None:
        names = dict(contestant.names)
        # The collector stays on, as it is in an application.
        self._full = Timer(f"for c in ids: {contestant.statement}", "import gc; gc.enable()", globals=names)
        self._idle = Timer("for c in ids: pass", "import gc; gc.enable()", globals=names)
        self._size = len(names["ids"])  # type: ignore[arg-type]  # a list
        self._passes = 1
        while self._full.timeit(self._passes) < _SAMPLE / 2:
            self._passes *= 2

    def sample(self, share: float = 1.0) -> float:
        passes = max(1, int(self._passes * share))
        return (self._full.timeit(passes) - self._idle.timeit(passes)) / passes / self._size


def compare(contestants: Mapping[str, Contestant], *, rounds: int = 60) -> dict[str, Timing]:
    """Time contestants in a fresh random order each round, each between two samples of its baseline."""
    watches = {name: _Stopwatch(contestant) for name, contestant in contestants.items()}
    gc.collect()
    gc.freeze()  # what was built before is no part of what is timed
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    ratios: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            baseline = watches[contestants[name].against]
            before, own, after = baseline.sample(0.5), watches[name].sample(), baseline.sample(0.5)
            taken[name].append(own)
            ratios[name].append(2 * own / (before + after))
    gc.unfreeze()
    return {
        name: Timing(median(taken[name]) * 1e9, min(taken[name]) * 1e9, median(ratios[name])) for name in contestants
    }


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a title and rows, the first column left and the others right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    print(f"\n{title}")
    for number, line in enumerate(lines):
        others = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  ".join(["", line[0].ljust(widths[0]), *others]).rstrip())
        if number == 0:
            print("  " + "-" * (sum(widths) + 2 * len(widths) - 2))


def verdict(*goals: Goal) -> int:
    """Print whether each goal holds; give the exit status."""
    for goal in goals:
        mark = "holds " if goal.holds else "MISSED"
        print(f"  {mark}  {goal.what}: {goal.value:.4g}{goal.unit}, goal at most {goal.limit:g}{goal.unit}")
    return 0 if all(goal.holds for goal in goals) else 1
