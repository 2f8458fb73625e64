"""The memory store: bounded, evicted by CLOCK, and never losing count."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from entitlements.cache.memory import FeatureSets, MemoryStore
from entitlements.cache.snapshot import Snapshot


def snapshot(*features: str) -> Snapshot:
    return Snapshot(frozenset(features), token=1.0, slot=512, began=0.0, moment=0.0, deadline=1.0)


def test_the_least_recently_useful_customer_makes_room():
    """Who was asked about since the last round stays; who was not, goes."""
    store = MemoryStore(2)
    store.put("cus_1", snapshot())
    store.put("cus_2", snapshot())
    store.entries["cus_1"].visited = True
    store.put("cus_3", snapshot())
    assert set(store.entries) == {"cus_1", "cus_3"}


def test_a_second_chance_is_given_once():
    """A hit protects for one round, not for ever."""
    store = MemoryStore(1)
    store.put("cus_1", snapshot())
    store.entries["cus_1"].visited = True
    store.put("cus_2", snapshot())
    assert set(store.entries) == {"cus_2"}


class Model:
    """CLOCK by the book, with a list."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.ring, self.bits = capacity, deque[str](), dict[str, bool]()

    def put(self, customer: str) -> None:
        if customer not in self.bits:
            while len(self.bits) >= self.capacity:
                oldest = self.ring.popleft()
                if self.bits[oldest]:
                    self.bits[oldest] = False
                    self.ring.append(oldest)
                else:
                    del self.bits[oldest]
            self.ring.append(customer)
        self.bits[customer] = False


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=80))
@settings(max_examples=200, deadline=None)
def test_it_does_what_clock_does_by_the_book(capacity, steps):
    """Whatever is put and hit, in whatever order, the same customers are kept as a plain CLOCK keeps."""
    store, model = MemoryStore(capacity), Model(capacity)
    for hit, number in steps:
        customer = f"cus_{number}"
        if not hit:
            store.put(customer, snapshot())
            model.put(customer)
        elif customer in store.entries:
            store.entries[customer].visited = model.bits[customer] = True
        assert set(store.entries) == set(model.bits)
        assert len(store.entries) <= capacity


@given(st.lists(st.tuples(st.sampled_from(["put", "drop"]), st.integers(0, 9)), max_size=200))
@settings(max_examples=100, deadline=None)
def test_dropping_leaves_the_queue_bounded(steps):
    """R77: customers who come and go leave nothing behind that grows."""
    store = MemoryStore(5)
    for step, number in steps:
        if step == "put":
            store.put(f"cus_{number}", snapshot())
        else:
            store.drop(f"cus_{number}")
    assert len(store._queue) <= 2 * len(store.entries) + 65
    assert set(store.entries) <= set(store._queue)


def test_customers_of_one_plan_share_one_set():
    """Equal features are one object, which is what keeps a customer at some 300 bytes."""
    sets = FeatureSets()
    one, other = sets.shared(frozenset({"a", "b"})), sets.shared(frozenset({"b", "a"}))
    assert one is other
