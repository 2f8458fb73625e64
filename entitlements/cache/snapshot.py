"""A snapshot: one customer's complete features, behind the token noted before they were fetched."""

from __future__ import annotations

from typing import Final

__all__ = ["Snapshot"]


class Snapshot:
    """What one fetch learnt about one customer.

    Attributes:
        features: every lookup key held; shared with all customers who hold the same.
        token: the fence token noted before the fetch began.
        slot: where in the fence table that token must still stand.
        began: when the fetch began, on the clock that judges ages.
        moment: when the fetch began in real time, to be compared with freshness tokens.
        deadline: when the time to live ends, on the clock that judges ages.
        visited: the eviction bit, set by every hit.
    """

    __slots__ = ("began", "deadline", "features", "moment", "slot", "token", "visited")

    def __init__(  # noqa: PLR0913 - a plain record; a dataclass would add nothing but import time
        self, features: frozenset[str], *, token: float, slot: int, began: float, moment: float, deadline: float
    ) -> None:
        self.features: Final = features
        self.token: Final = token
        self.slot: Final = slot
        self.began: Final = began
        self.moment: Final = moment
        self.deadline: Final = deadline
        self.visited = False

    def until(self, deadline: float) -> Snapshot:
        """Give the same snapshot another time to live."""
        return Snapshot(
            self.features,
            token=self.token,
            slot=self.slot,
            began=self.began,
            moment=self.moment,
            deadline=deadline,
        )

    @property
    def ttl(self) -> float:
        """Count the seconds this snapshot was given to live."""
        return self.deadline - self.began
