"""Odds: chance that comes out the same with the same seed."""

from __future__ import annotations

import random
import threading

__all__ = ["Odds"]


class Odds:
    """Decide by chance whether something happens.

    >>> odds, again = Odds(0.5, seed=1), Odds(0.5, seed=1)
    >>> [odds.happens() for _ in range(20)] == [again.happens() for _ in range(20)]
    True
    """

    def __init__(self, chance: float = 1.0, seed: int = 0) -> None:
        if not 0.0 <= chance <= 1.0:
            raise ValueError(f"chance = {chance}: must be between 0 (never) and 1 (always)")
        self._chance = chance
        self._dice = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._guard = threading.Lock()

    def happens(self) -> bool:
        """Throw the dice once."""
        with self._guard:
            return self._dice.random() < self._chance
