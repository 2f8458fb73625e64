"""A climate: how a seed's world is set up, and how often what goes wrong in it.

Every seed has another, so that some worlds are calm enough for rare coincidences and others are rough; a world in which
everything fails all the time would seldom come far enough for anything to go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entitlements import Freshness, Limits

if TYPE_CHECKING:
    from random import Random

__all__ = ["Climate"]

_FRESHNESS: Final = (
    Freshness(),
    Freshness(ttl=30, stale_while_revalidate=20, stale_if_error=100, max_stale=140, recheck_denial_after=2),
    Freshness(ttl=30, stale_while_revalidate=200, stale_if_error=100, max_stale=90),
    Freshness(ttl=60, stale_while_revalidate=0, stale_if_error=0, max_stale=60, settle=20, settle_ttl=1),
    Freshness(ttl=3e6, stale_while_revalidate=0, stale_if_error=0, max_stale=4e6),
    Freshness(ttl=8, stale_while_revalidate=4, stale_if_error=40, max_stale=30, negative_ttl=3, settle=5),
)


@dataclass(frozen=True, slots=True)
class Climate:
    """How one world is. Shares and chances are from 0 to 1, times in seconds.

    Attributes:
        freshness: the ages the library is given.
        limits: what it may use.
        shared: whether the host shares a fence file and a store; else all processes are forks of one.
        sqlite: whether that store is the real one.
        sweep: seconds between rounds of the sweep, if there are any.
        counts_sleep: whether the system has a clock that goes on while the machine sleeps.
        classes: which features tolerate more or less than others.
        processes: how many run at most.
        customers: how many there are in each account; of two accounts, if there are `accounts`.
        accounts: whether processes of two accounts share the host.
        disturbed: the chance that others run, or this process dies, between two steps of a function.
        deadly: the share of those disturbances that are deaths.
        pace: seconds that go by with a step, as a rule; now and then it is much longer.
        eventful: how often something changes, and is told, in a hundred turns.
        failing: the chance that a fetch fails, apart from outages.
        full: the chance that there is no room for another job.
        lingering: the chance that time goes by within a fetch.
        lagging: the chance that a list lags behind, by up to `lag`.
        paying: the share of changes after which the customer pays.
        bare: the share of refusing replies that hold nothing at all.
        strangers: the share of first replies that don't know the customer.
        lost: the share of events never sent; `duplicated` ones are sent several times.
        unlisted: the share of events that never appear in the event list, where others do within `listing_lag`.
        faulty: the chance of a fault in place of a step.
        wall: how far the wall's clock is set wrong, at most.
    """

    freshness: Freshness
    limits: Limits
    shared: bool
    sqlite: bool
    sweep: float | None
    counts_sleep: bool
    classes: dict[str, str]
    processes: int
    customers: int
    accounts: bool
    disturbed: float
    deadly: float
    pace: float
    eventful: float
    failing: float
    full: float
    lingering: float
    lagging: float
    lag: float
    paying: float
    bare: float
    strangers: float
    lost: float
    duplicated: float
    unlisted: float
    listing_lag: float
    faulty: float
    wall: float

    @classmethod
    def drawn(cls, random: Random) -> Climate:
        """Draw one."""
        pick = random.choice
        freshness = pick(_FRESHNESS)
        return cls(
            freshness=freshness,
            limits=Limits(customers=pick((2, 4, 1_000)), requests_per_second=pick((0.2, 5.0, 1e6, 1e6, 1e6, 1e6))),
            shared=random.random() < 0.8,
            sqlite=random.random() < 0.25,
            sweep=pick((None, 0.3, 5.0, 60.0)),
            counts_sleep=random.random() < 0.7,
            classes=pick(({}, {}, {"paid": "strict"}, {"paid": "lenient"})),
            processes=pick((1, 2, 3, 4)),
            customers=pick((1, 2, 4)),
            accounts=random.random() < 0.3,
            disturbed=pick((0.0, 0.02, 0.05, 0.15)),
            deadly=pick((0.0, 0.01, 0.05)),
            pace=pick((0.001, 0.005, 0.02, 0.1)),
            eventful=pick((0.3, 2.0, 6.0)),
            failing=pick((0.0, 0.02, 0.1)),
            full=pick((0.0, 0.01)),
            lingering=pick((0.0, 0.1)),
            lagging=pick((0.0, 0.0, 0.3)),
            lag=freshness.settle,
            paying=pick((0.3, 0.7)),
            bare=pick((0.0, 0.5)),
            strangers=pick((0.0, 0.5)),
            lost=pick((0.0, 0.2, 0.7)),
            duplicated=pick((0.0, 0.3)),
            unlisted=pick((0.0, 0.0, 0.1)),
            listing_lag=pick((0.0, 5.0, 40.0)),
            faulty=pick((0.0, 0.01, 0.05)),
            wall=pick((2.0, 50.0, 1e5)),
        )
