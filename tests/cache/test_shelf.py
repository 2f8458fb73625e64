"""The shelf: customers proper, and newcomers who must not push them out."""

from __future__ import annotations

from entitlements.cache.shelf import Shelf
from entitlements.cache.snapshot import Snapshot


def snapshot(*features: str, moment: float = 0.0, token: float = 1.0) -> Snapshot:
    return Snapshot(frozenset(features), token=token, slot=512, began=moment, moment=moment, deadline=moment + 1.0)


def test_a_flood_of_strangers_pushes_no_payer_out():
    """R77, R78: ids that Stripe doesn't know, or who hold nothing, have a small room of their own."""
    shelf = Shelf(capacity=2)
    shelf.put("cus_payer", snapshot("exports"), known=True)
    for number in range(20_000):
        shelf.put(f"cus_{number}", snapshot(), known=number % 2 == 0)
    assert set(shelf.customers.entries) == {"cus_payer"}
    assert (shelf.get("cus_19999") is not None, shelf.get("cus_0")) == (True, None)


def test_who_holds_nothing_and_comes_back_is_a_customer():
    """A free customer is kept among the customers from the second fetch on."""
    shelf = Shelf(capacity=2)
    shelf.put("cus_free", snapshot(), known=True)
    assert set(shelf.customers.entries) == set()
    shelf.put("cus_free", snapshot(moment=1.0), known=True)
    assert set(shelf.customers.entries) == {"cus_free"}


def test_who_lost_everything_stays_a_customer():
    """A payer whose plan ended is refused from the same room as before."""
    shelf = Shelf(capacity=2)
    shelf.put("cus_1", snapshot("exports"), known=True)
    shelf.put("cus_1", snapshot(moment=1.0), known=True)
    assert shelf.customers.entries["cus_1"].features == frozenset()


def test_who_is_deleted_leaves_the_customers():
    """A customer Stripe no longer knows makes room."""
    shelf = Shelf(capacity=2)
    shelf.put("cus_1", snapshot("exports"), known=True)
    shelf.put("cus_1", snapshot(moment=1.0), known=False)
    assert (set(shelf.customers.entries), shelf.get("cus_1").features) == (set(), frozenset())


def test_a_late_answer_doesn_t_overwrite_a_newer_one():
    """A fetch that was given up and arrives after all changes nothing, behind the same fence."""
    shelf = Shelf(capacity=2)
    shelf.put("cus_1", snapshot("new", moment=2.0), known=True)
    assert not shelf.put("cus_1", snapshot("old", moment=1.0), known=True)
    assert shelf.get("cus_1").features == {"new"}


def test_a_closed_shelf_is_empty_and_stays_so():
    """After close nothing is remembered, whatever still arrives."""
    shelf = Shelf(capacity=2)
    shelf.put("cus_1", snapshot("exports"), known=True)
    shelf.close()
    assert (shelf.put("cus_2", snapshot("exports"), known=True), shelf.get("cus_1"), shelf.get("cus_2")) == (
        False,
        None,
        None,
    )
