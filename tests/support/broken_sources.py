"""Sources that break the contract, each in one way somebody might well write it, and one that keeps it.

Pytest runs them in a process of its own: `breaks` names the promises of the contract that must be seen to be broken.
"""

from __future__ import annotations

import threading
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar, cast

import pytest

from entitlements.sources.contract import Holding
from entitlements.testing import SourceContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entitlements.clocks import Deadline

__all__ = ["BANK", "TestKept"]


class World:
    """An upstream in memory, which is its own source; whoever breaks the contract overrides `fetch`."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, ...]] = {}
        self.failing = False
        self.well = threading.Event()
        self.well.set()

    @property
    def source(self) -> World:
        return self

    def hold(self, customer: str, *features: str) -> None:
        self.held[customer] = features

    def fail(self) -> None:
        self.failing = True

    def hang(self) -> None:
        self.well.clear()

    def heal(self) -> None:
        self.failing = False
        self.well.set()

    def read(self, customer: str, within: float | None) -> tuple[str, ...] | None:
        """Ask the upstream; `None` is somebody it doesn't know."""
        if not self.well.wait(within):
            raise TimeoutError("no answer by the deadline")
        if self.failing:
            raise ConnectionError("the upstream fails")
        return self.held.get(customer)

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        held = self.read(customer, deadline.remaining())
        return Holding(frozenset(held or ()), known=held is not None)


class _Broken(SourceContract):
    """Run the contract on one of the worlds below."""

    deadline = 0.05
    slack = 0.2
    kind: ClassVar[type[World]] = World
    breaks: ClassVar[set[str]] = set()

    @pytest.fixture
    def world(self) -> Iterator[World]:
        world = self.kind()
        yield world
        world.heal()


class TestKept(_Broken):
    """The one that keeps it."""


class TestForgotten(SourceContract):
    """The one whose author forgot to give a world."""


class FirstPage(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        return Holding(frozenset(sorted(super().fetch(customer, deadline).features)[:100]))


class ShortSummary(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        return Holding(frozenset(sorted(super().fetch(customer, deadline).features)[:10]))


class FailsEmpty(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        try:
            return super().fetch(customer, deadline)
        except ConnectionError:
            return Holding(frozenset())


class FailsUnknown(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        try:
            return super().fetch(customer, deadline)
        except ConnectionError:
            return Holding(frozenset(), known=False)


class FailsInPart(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        if self.failing and len(self.held.get(customer, ())) > 100:
            return Holding(frozenset(sorted(self.held[customer])[:100]))
        return super().fetch(customer, deadline)


class FailsToThePast(World):
    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, Holding] = {}

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        try:
            self.last[customer] = super().fetch(customer, deadline)
        except ConnectionError:
            if customer not in self.last:
                raise
        return self.last[customer]


class FailsForGood(World):
    def heal(self) -> None:
        self.well.set()


class Caches(World):
    def __init__(self) -> None:
        super().__init__()
        self.cache: dict[str, Holding] = {}

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        if customer not in self.cache:
            holding = super().fetch(customer, deadline)
            if not holding.known:
                return holding
            self.cache[customer] = holding
        return self.cache[customer]


class CachesStrangers(World):
    def __init__(self) -> None:
        super().__init__()
        self.strangers: set[str] = set()

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        if customer in self.strangers:
            return Holding(frozenset(), known=False)
        holding = super().fetch(customer, deadline)
        if not holding.known:
            self.strangers.add(customer)
        return holding


class GivesASet(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        given = SimpleNamespace(features=set(super().fetch(customer, deadline).features), known=True, request_id=None)
        return cast("Holding", given)


class Live(frozenset[str]):
    """A set that looks what it holds up whenever it is looked at."""

    world: World
    customer: str

    def __eq__(self, other: object) -> bool:
        return frozenset(self.world.held.get(self.customer, ())) == other

    def __iter__(self) -> Iterator[str]:
        return iter(self.world.held.get(self.customer, ()))

    __hash__ = frozenset[str].__hash__


class GivesAView(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        view = Live()
        view.world, view.customer = self, customer
        return Holding(view, known=super().fetch(customer, deadline).known)


class NumbersRequests(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        return Holding(super().fetch(customer, deadline).features, request_id=cast("str", 7))


class AsksOneAtATime(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        self.asking = customer
        threading.Event().wait(0.001)  # as long as a request takes
        return super().fetch(self.asking, deadline)


class MatchesPrefixes(World):
    def read(self, customer: str, within: float | None) -> tuple[str, ...] | None:
        super().read(customer, within)
        found = [features for known, features in self.held.items() if known.startswith(customer)]
        return tuple(feature for features in found for feature in features) if found else None


class MatchesPatterns(World):
    def read(self, customer: str, within: float | None) -> tuple[str, ...] | None:
        super().read(customer, within)
        return next((held for known, held in self.held.items() if fnmatchcase(known, customer)), None)


class FoldsIds(World):
    def read(self, customer: str, within: float | None) -> tuple[str, ...] | None:
        return super().read(customer.lower(), within)


class TrimsIds(World):
    def read(self, customer: str, within: float | None) -> tuple[str, ...] | None:
        return super().read(customer.strip(), within)


class WritesItsOwnQuery(World):
    def read(self, customer: str, within: float | None) -> tuple[str, ...] | None:
        return super().read(f"customer={customer}".split("customer=")[-1].partition("&")[0].partition("#")[0], within)


class WritesItsOwnList(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        holding = super().fetch(customer, deadline)
        return Holding(frozenset(filter(None, ",".join(holding.features).split(","))), known=holding.known)


class FoldsKeys(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        holding = super().fetch(customer, deadline)
        return Holding(frozenset(map(str.lower, holding.features)), known=holding.known)


class WaitsForEver(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        held = self.read(customer, None)
        return Holding(frozenset(held or ()), known=held is not None)


class GivesUpEmpty(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        try:
            return super().fetch(customer, deadline)
        except TimeoutError:
            return Holding(frozenset())


class KnowsNobodyWithoutFeatures(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        features = super().fetch(customer, deadline).features
        return Holding(features, known=bool(features))


class RaisesForStrangers(World):
    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        self.read(customer, deadline.remaining())
        return Holding(frozenset(self.held[customer]))


_EVERYWHERE = {
    "test_the_set_is_whole",
    "test_a_stranger_is_no_error",
    "test_customers_do_not_mix",
    "test_many_threads_may_ask_at_once",
}

BANK: dict[type[World], set[str]] = {
    FirstPage: {"test_the_set_is_whole"},
    ShortSummary: {"test_the_set_is_whole", "test_the_keys_are_exactly_as_they_are"},
    FailsEmpty: {"test_a_failure_is_an_error"},
    FailsUnknown: {"test_a_failure_is_an_error"},
    FailsInPart: {"test_a_failure_is_an_error"},
    FailsToThePast: {"test_a_failure_is_an_error"},
    FailsForGood: {"test_a_failure_is_an_error"},
    Caches: {"test_every_fetch_sees_the_newest_truth"},
    CachesStrangers: {"test_a_stranger_who_became_a_customer_is_one"},
    GivesASet: _EVERYWHERE,
    GivesAView: {"test_what_was_given_stays_as_it_was"},
    NumbersRequests: _EVERYWHERE,
    AsksOneAtATime: {"test_many_threads_may_ask_at_once"},
    MatchesPrefixes: {"test_customers_do_not_mix", "test_an_odd_id_reaches_nobody_else"},
    MatchesPatterns: {"test_an_odd_id_reaches_nobody_else"},
    FoldsIds: {"test_an_odd_id_reaches_nobody_else"},
    TrimsIds: {"test_an_odd_id_reaches_nobody_else"},
    WritesItsOwnQuery: {"test_an_odd_id_reaches_nobody_else"},
    WritesItsOwnList: {"test_the_keys_are_exactly_as_they_are"},
    FoldsKeys: {"test_the_keys_are_exactly_as_they_are"},
    WaitsForEver: {"test_the_deadline_ends_it"},
    GivesUpEmpty: {"test_the_deadline_ends_it"},
    KnowsNobodyWithoutFeatures: {"test_whoever_holds_nothing_is_known"},
    RaisesForStrangers: {"test_a_stranger_is_no_error"},
}

for _kind in BANK:  # one class of tests each, as somebody would write it
    globals()[f"Test{_kind.__name__}"] = type(f"Test{_kind.__name__}", (_Broken,), {"kind": _kind})
