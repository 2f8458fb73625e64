"""Speed, by what decides it: every question to the store goes by an index, however much the store holds.

`benchmarks/emulator.py` measures; here the plans are held, since a clock in a test tells more of the machine.
"""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest
from emulator_receiver import Receiver

from entitlements.emulator import StripeEmulator

SHOP = {"features": {"a": "A", "b": "B"}, "products": {"pro": {"features": ["a", "b"], "price": 2900}}}


@pytest.fixture
def emulator():
    with StripeEmulator(catalog=SHOP, serve=False) as emulator:
        emulator.subscribe(emulator.customer("cus_alice"), "pro")
        yield emulator


@contextmanager
def asked(emulator):
    """Collect the statements that the store is asked, as they were asked."""
    statements = []
    connection = emulator._open.store._connection
    connection.set_trace_callback(statements.append)
    try:
        yield statements
    finally:
        connection.set_trace_callback(None)


def detours(emulator, statements):
    """Find the statements that read a whole table, or sort what an index has in order."""
    questions = {one for one in statements if re.match(r"\s*(SELECT|UPDATE|DELETE)\b", one)}
    assert questions
    with emulator._open.store.transaction() as tx:
        plans = {one: [row[3] for row in tx.sql(f"EXPLAIN QUERY PLAN {one}")] for one in questions}
    return {
        one: step
        for one, plan in plans.items()
        for step in plan
        if (step.startswith("SCAN") and "INDEX" not in step and "recent" not in step) or "TEMP B-TREE" in step
    }


def test_a_customers_list_goes_by_the_customer(emulator):
    """Listing one customer's entitlements touches that customer's rows alone, in their order, on every page."""
    first = emulator.request("GET", "/v1/entitlements/active_entitlements", customer="cus_alice", limit=1)["data"][0]
    with asked(emulator) as statements:
        emulator.request("GET", "/v1/entitlements/active_entitlements", customer="cus_alice")
        for cursor in ("starting_after", "ending_before"):
            emulator.request(
                "GET", "/v1/entitlements/active_entitlements", customer="cus_alice", **{cursor: first["id"]}
            )
        emulator.request("GET", "/v1/customer/cus_alice/entitlements")
    pages = [one for one in statements if "LIMIT" in one and "active_entitlement" in one]
    assert len(pages) == 4
    with emulator._open.store.transaction() as tx:
        plans = {row[3] for one in pages for row in tx.sql(f"EXPLAIN QUERY PLAN {one}")}
    assert {re.sub(r" AND seq[<>]\?", "", plan) for plan in plans} == {
        "SEARCH objects USING INDEX objects_by_parent (account=? AND kind=? AND parent=?)"
    }
    assert detours(emulator, statements) == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda emulator: emulator.subscribe("cus_alice", "pro"),
        lambda emulator: emulator.customer(),
        lambda emulator: emulator.advance(days=31),
        lambda emulator: emulator.request("DELETE", "/v1/customers/cus_alice"),
    ],
    ids=["purchase", "customer", "renewal", "deletion"],
)
def test_a_change_goes_by_indexes(emulator, change):
    """Nothing that happens to one customer reads all the others'."""
    with asked(emulator) as statements:
        change(emulator)
    assert detours(emulator, statements) == {}


def test_a_delivery_goes_by_indexes(emulator):
    """Sending an event reads what is pending, not what was ever sent."""
    with Receiver() as receiver, asked(emulator) as statements:
        emulator.webhook(receiver.url, ["customer.created"])
        emulator.webhook_faults.duplicate(times=1)
        emulator.customer()
        receiver.wait_for(2)
        assert emulator.delivered()
    assert detours(emulator, statements) == {}
