"""Fuzz one parser: ten thousand hostile inputs, or a million, each judged and each repeatable by its number.

    fuzz(Target(draw, read, judge, SignatureError), FEWEST)

Hypothesis stands beside most parsers, in their own tests, and shrinks what it finds; but it draws some hundred
documents a second and remembers every one. A million need a plain generator: it begins with what is valid, spoils it
in a few ways that mean something, and tells which, so that a failure reads as short as if it had been shrunk.

The ordinary suite draws the same inputs every time, so that what fails is the change; the soak draws others each time.
A failure names its input: `FUZZ_SEED=<seed>:<number>` reads that one again, `FUZZ_SEED=<seed>` the whole run.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["FEWEST", "MOST", "REFUSED", "Dice", "Figures", "Target", "fuzz"]

FEWEST: Final = 10_000  # inputs in the ordinary suite
MOST: Final = 1_000_000  # and in the soak

_SLOWEST: Final = 0.5  # seconds of processor time for one input, whatever else this machine is doing
_LONGEST: Final = 1_200  # characters of a message: Stripe's own text and its request's id, cut at 500 each, and ours
_BLOCKS: Final = 4_000  # that Python's allocator may hold more of at the end: a leak of one an input is many thousand
_BYTES: Final = 48 * 1024 * 1024  # and that the process may have grown by: its allocators keep some of what they had
_LEAST_SHARE: Final = 0.05  # of inputs accepted, and of inputs refused: else the fuzz says little about one of the two

Case = TypeVar("Case")
Thing = TypeVar("Thing")


class _Refused:
    def __repr__(self) -> str:
        return "REFUSED"


REFUSED: Final = _Refused()


class Dice(Random):
    """Chance by seed, which remembers what was done to an input."""

    story: list[str]

    def again(self, seed: str) -> None:
        self.seed(seed)
        self.story = []

    def odds(self, chance: float) -> bool:
        return self.random() < chance

    def pick(self, tricks: Sequence[Callable[..., Thing]]) -> Callable[..., Thing]:
        """Choose what to do, and remember its name."""
        trick = self.choice(tricks)
        self.story.append(trick.__name__.strip("_"))
        return trick


@dataclass(frozen=True)
class Target(Generic[Case]):
    """A parser, and what is held against it.

    Attributes:
        draw: makes an input.
        read: gives it to the parser; the only part that is timed.
        judge: compares what came of it (`REFUSED`, or what was read) with what should have; it asserts.
        refuses_with: the one error that is documented for input that can't be accepted.
        secrets: what no error may hold.
    """

    draw: Callable[[Dice], Case]
    read: Callable[[Case], object]
    judge: Callable[[Case, object], None]
    refuses_with: type[Exception]
    secrets: tuple[str, ...] = ()

    def outcome(self, case: Case) -> object:
        try:
            return self.read(case)
        except self.refuses_with as error:
            _check_error(error, self.secrets)
            return REFUSED


@dataclass
class Figures:
    """What a fuzz came to."""

    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    worked: float = 0.0
    blocks: int = 0
    grown: int = 0

    def __str__(self) -> str:
        speed = f"{self.inputs:,} inputs in {self.seconds:.0f} s ({self.worked:.0f} s of work)"
        share = f"{self.accepted / self.inputs:.0%} accepted, slowest {1_000 * self.slowest:.1f} ms"
        return f"{speed}, {share}, {self.blocks:+,} blocks, {self.grown / 1024 / 1024:+.1f} MiB"


def fuzz(target: Target[Case], inputs: int) -> Figures:
    """Give a target so many inputs; fail on the first that isn't dealt with as documented."""
    seed, numbers = _numbers(inputs)
    figures, dice, began, work = Figures(), Dice(), time.perf_counter(), time.process_time()
    blocks = resident = 0
    for number in numbers:
        if number == inputs // 5:  # by now whatever is kept for good is there
            blocks, resident = _held()
        dice.again(f"{seed}:{number}")
        case: Case | None = None
        try:
            case = target.draw(dice)
            _take(figures, target, case)
        except BaseException as error:
            error.add_note(f"what was done: {', '.join(dice.story) or 'nothing'}")
            error.add_note(f"the input: {_shortened(case)}")
            error.add_note(f"to repeat it: FUZZ_SEED={seed}:{number}")
            raise
    figures.seconds, figures.worked = time.perf_counter() - began, time.process_time() - work
    if figures.inputs == inputs:
        after = _held()
        figures.blocks, figures.grown = after[0] - blocks, after[1] - resident
        _check(figures)
    return figures


def _take(figures: Figures, target: Target[Case], case: Case) -> None:
    began = time.thread_time()
    outcome = target.outcome(case)
    took = time.thread_time() - began
    figures.inputs += 1
    figures.accepted += outcome is not REFUSED
    figures.slowest = max(figures.slowest, took)
    assert took < _SLOWEST, f"it took {took:.2f} s"
    target.judge(case, outcome)


def _numbers(inputs: int) -> tuple[str, Iterable[int]]:
    given = os.environ.get("FUZZ_SEED", "")
    seed, _, number = given.partition(":")
    if number:
        return seed, [int(number)]
    fresh = "0" if inputs < MOST else str(int.from_bytes(os.urandom(4), "big"))
    return seed or fresh, range(inputs)


def _check_error(error: Exception, secrets: tuple[str, ...]) -> None:
    """Hold an error against what every error promises: one readable line, of bounded length, without a secret."""
    text = str(error)
    assert text.isprintable(), f"the message holds an unprintable character: {text[:_LONGEST]!r}"
    assert len(text) <= _LONGEST, f"the message is {len(text)} characters long"
    link: BaseException | None = error
    while link is not None and secrets:
        shown = f"{link} {link!r} {vars(link)}"
        assert not any(secret in shown for secret in secrets), f"the error shows a secret: {shown[:_LONGEST]}"
        link = link.__cause__ or link.__context__


def _check(figures: Figures) -> None:
    assert figures.blocks < _BLOCKS, f"memory grows: {figures}"
    assert figures.grown < _BYTES, f"memory grows: {figures}"
    share = figures.accepted / figures.inputs
    assert _LEAST_SHARE < share < 1 - _LEAST_SHARE, f"the fuzz is lopsided: {figures}"


def _held() -> tuple[int, int]:
    """Count what this process holds: blocks of Python's allocator, and bytes of memory where the system tells."""
    gc.collect()
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[1]) if statm.exists() else 0
    return sys.getallocatedblocks(), pages * os.sysconf("SC_PAGE_SIZE") if pages else 0


def _shortened(case: object) -> str:
    try:
        text = repr(case)
    except Exception as error:  # noqa: BLE001 - hostile values have hostile reprs
        return f"(can't be shown: {type(error).__name__})"
    return text if len(text) <= 2 * _LONGEST else f"{text[: 2 * _LONGEST]}… ({len(text)} characters)"
