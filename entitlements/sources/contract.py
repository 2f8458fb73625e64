"""What a source of truth owes: one customer's complete set of features, or an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from entitlements.errors import InvalidInput

if TYPE_CHECKING:
    from entitlements.clocks import Deadline

__all__ = ["Holding", "Source"]


@dataclass(frozen=True, slots=True)
class Holding:
    """What a customer holds, whole.

    Attributes:
        features: the lookup keys, all of them.
        known: whether the source has heard of the customer at all.
        request_id: the upstream request that said so, for the support ticket.
    """

    features: frozenset[str]
    known: bool = True
    request_id: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.features, frozenset) or not all(isinstance(key, str) for key in self.features):
            raise InvalidInput(f"a source gave {self.features!r:.80}: Holding.features must be a frozenset of str")


class Source(Protocol):
    """Fetch one customer's features.

    `fetch` is called on one of the library's own threads, never on the caller's. It returns the complete set or raises;
    a partial set is never evidence, and an error is never an empty set. It gives up by the deadline: what it returns
    later is thrown away.

    A source that also knows what unlocks a feature may have a second method, `catalog() -> catalog.Contents`; without
    it, refusals don't say what to buy.
    """

    def fetch(self, customer: str, deadline: Deadline) -> Holding: ...
