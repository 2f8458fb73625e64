"""A source of truth in memory: a test says what customers hold, when it fails, and when it answers.

shelf = Shelf(cus_1={"exports"})
ents = Entitlements(source=shelf)
shelf.failing = True                      # from here on, asking raises
shelf.open.clear()                        # from here on, asking waits, until `shelf.open.set()`
shelf.fetches                             # whom it was asked about, in order
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from entitlements import StripeError
from entitlements.sources.contract import Holding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from entitlements.clocks import Deadline

__all__ = ["Shelf"]


class Shelf:
    """Hold what a test put there, and count the questions."""

    def __init__(self, **held: Iterable[str]) -> None:
        self.held = {customer: frozenset(features) for customer, features in held.items()}
        self.failing = False
        self.fetches: list[str] = []
        self.asked = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        self.fetches.append(customer)
        self.asked.set()
        self.open.wait(deadline.remaining())
        if self.failing:
            raise StripeError("the shelf is told to fail", status=500)
        return Holding(self.held.get(customer, frozenset()))
