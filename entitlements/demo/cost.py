"""What one warm check costs, beside the least that Python could do: a dict, a set and a function call around them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from timeit import Timer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements import Entitlements

__all__ = ["Cost", "measure"]

_SAMPLE: Final = 5_000  # checks in a sample, a millisecond or so
_SECONDS: Final = 0.6


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured, in this process.

    Attributes:
        nanoseconds: of one check, without the loop around it; the median of all samples.
        ratio: of a check to the bare function, measured right after each other; the median too.
        checks: how many were made.
        fetches: how often Stripe was asked meanwhile.
        allowed: whether the first and the last of them said yes.
    """

    nanoseconds: float
    ratio: float
    checks: int
    fetches: int
    allowed: bool

    def as_json(self) -> dict[str, object]:
        """Give it to whoever asks over HTTP."""
        return asdict(self)


def measure(entitlements: Entitlements, customer: str, feature: str, *, seconds: float = _SECONDS) -> Cost:
    """Time `has_feature` for a customer who has the feature, on this thread."""
    held = {customer: frozenset({feature})}

    def bare(customer: str, feature: str) -> bool:
        return feature in held[customer]

    first = entitlements.has_feature(customer, feature)
    fetched = entitlements.stats().fetches
    loop, floor, check = (_timer(each, customer, feature) for each in (None, bare, entitlements.has_feature))
    samples: list[tuple[float, float]] = []
    until = perf_counter() + seconds
    while not samples or perf_counter() < until:
        idle = loop.timeit(_SAMPLE)
        samples.append((floor.timeit(_SAMPLE) - idle, check.timeit(_SAMPLE) - idle))
    return Cost(
        nanoseconds=median(check for _, check in samples) / _SAMPLE * 1e9,
        ratio=median(check / floor for floor, check in samples),
        checks=_SAMPLE * len(samples),
        fetches=entitlements.stats().fetches - fetched,
        allowed=first and entitlements.has_feature(customer, feature),
    )


def _timer(ask: Callable[[str, str], bool] | None, customer: str, feature: str) -> Timer:
    statement = "ask(customer, feature)" if ask else "pass"
    return Timer(statement, globals={"ask": ask, "customer": customer, "feature": feature})
