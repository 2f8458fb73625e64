"""The world that the benchmarks ask about: five plans, twenty features, and customers who never change their minds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entitlements import Freshness, Limits
from entitlements.sources.contract import Holding

if TYPE_CHECKING:
    from entitlements.clocks import Deadline

__all__ = ["FEATURE", "PATIENT", "PLANS", "UNHURRIED", "World", "customer_ids", "features_of"]

FEATURE: Final = "sso"  # the two larger plans have it
_KEYS: Final = [f"feature_{number:02}" for number in range(19)]
PLANS: Final = tuple(
    frozenset(_KEYS[:size]) | ({FEATURE} if large else set())
    for size, large in ((3, False), (6, False), (10, False), (14, True), (19, True))
)
_SHARES: Final = (8, 5, 4, 2, 1)  # of twenty customers
_PLAN_OF: Final = [plan for plan, share in enumerate(_SHARES) for _ in range(share)]

# Nothing expires and no refusal is verified while it is timed, as it is with webhooks arriving.
UNHURRIED: Final = Freshness(ttl=3_600, recheck_denial_after=3_600)
# A source that is a dictionary needs no budget.
PATIENT: Final = Limits(requests_per_second=1e9, fetches_waiting=1_000_000, fetch_threads=1, deadline=5.0)


def customer_ids(count: int) -> list[str]:
    """Make ids as long as Stripe's."""
    return [f"cus_{number:014}" for number in range(count)]


def features_of(customer: str) -> frozenset[str]:
    """Say what a customer holds, by the number in the id."""
    return PLANS[_PLAN_OF[int(customer.removeprefix("cus_")) % len(_PLAN_OF)]]


class World:
    """A source of truth that answers at once. Every answer is a new set, as if parsed from a response."""

    def fetch(self, customer: str, deadline: Deadline) -> Holding:  # noqa: ARG002 - the contract's own words
        return Holding(frozenset(list(features_of(customer))))
