"""A clock that a test moves by hand."""

from __future__ import annotations

import math
import threading

from entitlements.errors import InvalidInput
from entitlements.stripe.ids import shown

__all__ = ["ManualClock"]


class ManualClock:
    """Count seconds that pass when a test says so, for `Entitlements(clock=...)`.

    It judges how old answers are. Waiting is done in real time, so that a test whose source hangs has its answer by the
    deadline all the same.

    Args:
        at: the seconds it begins with.

    Raises:
        InvalidInput: seconds that are no number.

    >>> from entitlements import Entitlements
    >>> from entitlements.testing import StaticSource
    >>> clock = ManualClock()
    >>> with Entitlements(source=StaticSource({"cus_1": ["exports"]}), clock=clock) as ents:
    ...     before = ents.check("cus_1", "exports")
    ...     _ = clock.advance(minutes=2)
    ...     ents.check("cus_1", "exports").age
    120.0
    """

    def __init__(self, at: float = 0.0) -> None:
        self._at = _seconds("ManualClock", at)
        self._moving = threading.Lock()

    def __call__(self) -> float:
        """Read the clock, in seconds."""
        return self._at

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> float:
        """Let time pass, and give what the clock says then. It never goes back.

        Raises:
            InvalidInput: a number that is none, is below zero, or has no end.

        >>> ManualClock().advance(minutes=1.5)
        90.0
        """
        by = {"seconds": (seconds, 1), "minutes": (minutes, 60), "hours": (hours, 3_600), "days": (days, 86_400)}
        step = sum(_seconds(name, amount) * unit for name, (amount, unit) in by.items())
        with self._moving:
            self._at += step
            return self._at

    def __repr__(self) -> str:
        return f"ManualClock(at={self._at})"


def _seconds(what: str, given: object) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 <= given < math.inf:
        raise InvalidInput(f"{what} is {shown(given)}: give a number, zero or more; time doesn't go back")
    return float(given)
