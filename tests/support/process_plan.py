"""What is to happen in a crowd of processes, as a plan, next to what did, as a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["How", "Plan", "Report"]

How = Literal["run", "fork", "mp-fork", "mp-spawn", "mp-forkserver"]


@dataclass(frozen=True)
class Plan:
    """What is to happen.

    Attributes:
        directory: where the world lies, and what is shared.
        how: each process `run`s a script of its own, is `fork`ed from a parent that has asked before, or is started by
            `multiprocessing`.
        shared: whether a path is shared; the anonymous table that forks inherit otherwise.
        workers: how many processes.
        changes: how many changes are to be acknowledged.
        kills: how many processes are killed meanwhile, and replaced.
    """

    directory: str
    how: How
    shared: bool = False
    workers: int = 8
    changes: int = 2_000
    kills: int = 0


@dataclass(frozen=True)
class Report:
    """What happened.

    Attributes:
        changes: acknowledged.
        redone: ordered anew because whoever was to make them was killed first.
        kills: processes that were killed; each was replaced.
        deaths: processes that ended otherwise before the end.
        violations: the first stale decision, if any: worker, customer, the version acknowledged and the one given.
        decisions: made in all.
        cached: of these, made without a fetch.
        hot: of these, asked of `has_feature`.
        unsure: of these, a don't-know.
        fetches: begun at the source.
        recalled: snapshots taken from another process.
        idle: workers that decided nothing, or made no change.
        typical: microseconds from an acknowledgement to the first decision that rests on it, in half of the cases.
        seldom: the same, in 99 of 100.
        longest: the same, in all.
        wrong_at_last: customers of whom a new instance did not know, in the end, what was acknowledged.
        seconds: it took.
    """

    changes: int
    redone: int
    kills: int
    deaths: int
    violations: list[int]
    decisions: int
    cached: int
    hot: int
    unsure: int
    fetches: int
    recalled: int
    idle: int
    typical: int
    seldom: int
    longest: int
    wrong_at_last: int
    seconds: float
